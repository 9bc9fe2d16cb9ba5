"""Wraps a module for the table of loaded models; it writes onto the module, as the real one does."""


class Weight:
    def __init__(self, size):
        self.size, self.device = size, "cpu"


class Module:
    """A module of two layers of so many bytes, as far as moving it goes."""

    def __init__(self, name, size):
        self.name = name
        self._weights = [Weight(size // 2), Weight(size // 2)]
        self.moves = []

    def parameters(self):
        return iter(self._weights)

    def to(self, device):
        self.moves.append(str(device))
        for weight in self._weights:
            weight.device = str(device)
        return self


class ModelPatcher:
    def __init__(self, model, load_device, offload_device):
        self.model, self.load_device, self.offload_device = model, load_device, offload_device
        self.model.device = offload_device

    def model_size(self):
        return sum(weight.size for weight in self.model.parameters())

    def loaded_size(self):
        return sum(weight.size for weight in self.model.parameters() if str(weight.device) != "cpu")

    def load(self, whole):
        for weight in list(self.model.parameters())[: None if whole else 1]:
            weight.device = str(self.load_device)

    def detach(self):
        self.model.to(self.offload_device)
