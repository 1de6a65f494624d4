"""Settings of the property-based tests."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "parts",
    database=None,  # nothing is written beside the code
    deadline=None,  # a busy machine is no failure
    derandomize=True,  # a failure can be seen again
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("parts")
