// What the page asks of the server: answers in JSON, and streams of server-sent events.

/** A sentence from the server. */
export class Refusal extends Error {}

/** The answer to a request; a refusal is thrown as its sentence. */
export async function ask(name, body, signal) {
  const response = await post(name, body, signal);
  return response.json();
}

/** Call `hear(kind, content)` for each event of an answer, until its end. */
export async function listen(name, body, hear, signal) {
  const response = await post(name, body, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    for (const text of events) {
      const kind = /^event: (.*)$/m.exec(text);
      const data = /^data: (.*)$/m.exec(text);
      if (kind && data) hear(kind[1], JSON.parse(data[1]));
    }
  }
}

/** What the page can do. */
export async function about() {
  const response = await fetch("/api/about");
  return response.json();
}

async function post(name, body, signal) {
  let response;
  try {
    response = await fetch(`/api/${name}`, {
      method: "POST", signal, headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("The server does not answer. Is tsp serve still running?");
  }
  if (response.ok) return response;
  let sentence = `The server answered with ${response.status}.`;
  try { sentence = (await response.json()).error || sentence; } catch { /* no JSON: the status says enough */ }
  const refusal = new Refusal(sentence);
  refusal.status = response.status;
  throw refusal;
}
