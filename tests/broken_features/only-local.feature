Feature: A system in a cluster
  Scenario: what only the embedded world has
    Given the system runs in namespace "shop" of the cluster "staging"
    And a group "primary" of the workload "Deployment/checkout"
    And "primary" is autoscaled between 2 and 12 instances at 60% utilization
    And "primary" waits 5 seconds before it scales down
    And "primary" has:
      | queue | 100 |
    And "primry" has:
      | grace | 5 seconds |
    Then at baseline "primary" has at most 2 instances
