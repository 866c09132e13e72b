import numpy as np
from compiled import compiled
from hypothesis import given
from hypothesis import strategies as st

from baselines.tours import work_queue
from baselines.tours.work_queue import LENGTH, full_queue

pop, push = compiled(work_queue.pop), compiled(work_queue.push)


def test_a_full_queue_gives_every_node_in_order():
    queue = full_queue(np.array([2, 0, 1], dtype=np.int32))
    assert [pop(queue) for _ in range(3)] == [2, 0, 1]
    assert queue.span[LENGTH] == 0


@given(st.lists(st.one_of(st.none(), st.integers(0, 4)), max_size=40))
def test_nodes_leave_the_queue_in_order_and_are_in_it_at_most_once(actions):
    queue, model = full_queue(np.arange(5, dtype=np.int32)), [0, 1, 2, 3, 4]
    for node in actions:
        if node is not None:
            push(queue, node)
            model += [] if node in model else [node]
        elif model:
            assert pop(queue) == model.pop(0)
    assert queue.span[LENGTH] == len(model)
    assert np.flatnonzero(queue.queued).tolist() == sorted(model)
