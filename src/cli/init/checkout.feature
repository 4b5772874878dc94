# The same kind of question in sentences, for those who would rather read than configure.
# `springback steps` lists every sentence there is; `springback convert checkout.toml` shows the other file as a feature.

Feature: An instance may die

  # Tags select: springback run . --tags @smoke
  @smoke
  Scenario: one of two instances is killed while all is calm

    # Given: what is there before anything happens.
    Given a group "web" of 2 instances, ready after 500 milliseconds, each serving 50 requests per second, at 0.10 USD per hour each
    And a steady load of 40 requests per second on "/checkout"

    # When: what is done to it.
    When at 1 second 1 instance of "web" is killed

    # Then: what must hold. Each line is marked on its own.
    Then at least 90% of requests succeed
    And at baseline "web" has at most 2 instances
    And each killed instance is replaced within 4 seconds
    And after 3 seconds idle spend is at most 0.00 USD per hour for 2 seconds
