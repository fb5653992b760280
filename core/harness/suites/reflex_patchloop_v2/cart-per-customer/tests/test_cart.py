from cart import Cart


def test_new_cart_is_empty():
    assert Cart("new").total() == 0


def test_total_of_one_cart():
    cart = Cart("ida")
    cart.add("tea", 350, 2)
    cart.add("cup", 900)
    assert cart.total() == 1600


def test_carts_do_not_share_lines():
    first, second = Cart("a"), Cart("b")
    first.add("tea", 350)
    assert second.total() == 0
    assert first.total() == 350


def test_a_later_cart_does_not_empty_an_earlier_one():
    first = Cart("a")
    first.add("pot", 2000)
    Cart("b").add("cup", 900)
    assert first.total() == 2000
    assert first.lines == [("pot", 2000, 1)]


def test_customer_is_kept():
    assert Cart("ida").customer == "ida"
