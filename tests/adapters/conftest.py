from tests.mutual.conftest import quick_pi as quick_pi  # for tests that make hundreds of clients
