// A position between 0 and an end, moved by time, by steps or by hand.

export class Player {
  /** elements: { back, play, forward, cursor, now, speed }; events: { moved(), atEnd() } */
  constructor(elements, events) {
    Object.assign(this, { elements, events, value: 0, max: 0, marks: [], rate: 1, live: true, playing: false, write: String });
    elements.play.addEventListener("click", () => this.toggle());
    elements.back.addEventListener("click", () => this.step(-1));
    elements.forward.addEventListener("click", () => this.step(1));
    elements.cursor.addEventListener("input", () => {
      const value = (Number(elements.cursor.value) / 1000) * this.max;
      this.pause();
      this.live = false;
      this.set(this.rate === 1 ? value : Math.round(value));
    });
  }

  /** Set what there is to play: its end, the positions of its steps, how many units pass in a second, and how to write one. */
  load({ max, marks, rate, write }) {
    Object.assign(this, { max, marks, rate, write });
    this.value = this.live ? max : Math.min(this.value, max);
    this.show();
  }

  reset() {
    this.pause();
    Object.assign(this, { value: 0, max: 0, marks: [], live: true });
    this.show();
  }

  set(value) {
    this.value = Math.max(0, Math.min(this.max, value));
    this.show();
    this.events.moved();
  }

  step(direction) {
    this.pause();
    this.live = false;
    const tiny = 1e-6;
    if (direction > 0) {
      const next = this.marks.find((mark) => mark > this.value + tiny);
      if (next === undefined) { this.live = true; this.events.atEnd(); } else this.set(next);
    } else this.set(this.marks.findLast((mark) => mark < this.value - tiny) ?? 0);
  }

  toggle() { if (this.playing) this.pause(); else this.play(); }

  play() {
    if (this.value >= this.max - 1e-9 && this.rate === 1) this.value = 0;
    this.live = false;
    this.playing = true;
    let before = performance.now();
    const advance = (now) => {
      if (!this.playing) return;
      this.value += (Math.max(0, now - before) / 1000) * this.rate * Number(this.elements.speed.value);
      before = now;
      if (this.value >= this.max) {
        this.value = this.max;
        if (this.events.atEnd(true)) this.pause();
      }
      this.show();
      this.events.moved();
      requestAnimationFrame(advance);
    };
    requestAnimationFrame(advance);
    this.show();
  }

  pause() { this.playing = false; this.show(); }

  show() {
    const { play, back, forward, cursor, now } = this.elements;
    play.classList.toggle("plays", this.playing);
    play.setAttribute("aria-label", this.playing ? "Pause" : "Play");
    cursor.value = this.max ? Math.round((1000 * this.value) / this.max) : 1000;
    const text = this.max || this.marks.length ? this.write(this.value) : "–";
    now.textContent = text;
    cursor.setAttribute("aria-valuetext", text);
    play.disabled = back.disabled = cursor.disabled = !this.marks.length;
    forward.disabled = !this.marks.length;
  }
}
