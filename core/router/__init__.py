"""Who answers: the routing rule, health, the circuit breaker, the gate, and who acts on it."""
