"""The cancel button."""


class InterruptProcessingException(Exception):
    pass


interrupted = False


def throw_exception_if_processing_interrupted():
    global interrupted
    if interrupted:
        interrupted = False
        raise InterruptProcessingException()
