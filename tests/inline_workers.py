"""Workers that run each task at once, in the process of the test."""

from tsp.workers.pool import Worker, WorkerDiedError, Workers


class InlineWorkers(Workers):
    """Workers whose tasks run when they are sent.

    Args:
        count: number of workers.
        deadly: a task with this argument's `number` kills its worker.
    """

    def __init__(self, count=2, deadly=None):
        super().__init__(count)
        self.deadly = deadly
        self.sent = []

    def start_worker(self):
        return InlineWorker(self)

    def wait(self, workers):
        return list(workers[-1:])  # the last that was sent is the first to end


class InlineWorker(Worker):
    def __init__(self, workers):
        self.workers, self.outcome = workers, None

    def send(self, function, argument):
        self.workers.sent.append(argument)
        number = getattr(argument, "number", None)
        self.outcome = WorkerDiedError() if number is not None and number == self.workers.deadly else None
        if self.outcome is None:
            try:
                self.outcome = function(argument)
            except ValueError as error:
                self.outcome = error

    def result(self):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def kill(self):
        pass
