import pytest
import torch


@pytest.fixture
def one_thread():
    """Sums are taken in another order by more threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
