"""The cancel button, and the table of loaded models with its weak references, reserves and evictions."""

import weakref

MB = 1 << 20


class InterruptProcessingException(Exception):
    pass


interrupted = False


def throw_exception_if_processing_interrupted():
    global interrupted
    if interrupted:
        interrupted = False
        raise InterruptProcessingException()


total = 8000 * MB
others = 0  # bytes of the device that stand in no table
current_loaded_models = []
evicted = []  # names of patchers' models, in order
text_encoders_on = "cuda"


class LoadedModel:
    def __init__(self, model):
        self._model = weakref.ref(model)  # whoever wants a model to stay keeps its patcher

    @property
    def model(self):
        return self._model()

    def model_unload(self):
        if self.model is not None:
            self.model.detach()


def text_encoder_device():
    import torch

    return torch.device(text_encoders_on)


def minimum_inference_memory():
    return 1200 * MB


def get_free_memory(device=None):
    tables = sum(entry.model.loaded_size() for entry in current_loaded_models if entry.model is not None)
    return total - others - tables


def free_memory(memory_required, device, keep_loaded=()):
    for place in range(len(current_loaded_models) - 1, -1, -1):
        entry = current_loaded_models[place]
        if get_free_memory(device) > memory_required:
            break
        if entry.model not in keep_loaded:
            evicted.append(entry.model.model.name)
            current_loaded_models.pop(place).model_unload()


def load_models_gpu(models, memory_required=0, force_patch_weights=False, force_full_load=False):
    for patcher in models:
        if any(entry.model is patcher for entry in current_loaded_models):
            continue
        free_memory(patcher.model_size() * 1.1 + minimum_inference_memory(), patcher.load_device)
        patcher.load(whole=force_full_load or get_free_memory() > patcher.model_size() + minimum_inference_memory())
        current_loaded_models.insert(0, LoadedModel(patcher))
