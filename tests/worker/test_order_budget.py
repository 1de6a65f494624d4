"""How many orders a client may give."""

from actors.worker.order_budget import BURST, RATE, OrderBudget


def spend(budget, client, count, *, now=0.0):
    return [budget.spend(client, now=now) for _ in range(count)]


def test_so_many_may_come_at_once_and_no_more():
    budget = OrderBudget()
    assert spend(budget, "alice", BURST + 2) == [*range(BURST, 0, -1), 0, 0]


def test_each_client_has_its_own():
    budget = OrderBudget()
    spend(budget, "alice", BURST + 1)
    assert spend(budget, "bob", 1) == [BURST]


def test_it_comes_back_with_time():
    budget = OrderBudget()
    spend(budget, "alice", BURST + 1)
    assert spend(budget, "alice", 1, now=0.5 / RATE) == [0]
    assert spend(budget, "alice", 3, now=2.0 / RATE) == [2, 1, 0]
    assert spend(budget, "alice", 1, now=1e6) == [BURST]


def test_it_remembers_only_so_many_clients():
    budget = OrderBudget()
    spend(budget, "alice", BURST)
    for number in range(2000):
        spend(budget, str(number), 1)
    assert spend(budget, "alice", 1) == [BURST]
