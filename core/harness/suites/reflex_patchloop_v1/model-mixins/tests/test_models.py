from mixins import Named, Priced, Timestamps


class Article(Named, Priced, Timestamps):
    pass


class Page(Timestamps, Named):
    pass


class Tag(Named):
    pass


def article(**changes):
    return Article(**{"name": "Tea", "price": 350, "created": 5} | changes)


def saved(model):
    store = []
    model.save(store)
    return store


def problems(model):
    try:
        model.save([])
    except ValueError as error:
        return sorted(str(error).split("; "))
    return []


def test_single_mixin():
    assert saved(Tag(name="new")) == [{"name": "new"}]
    assert problems(Tag(name=" ")) == ["name is blank"]


def test_timestamps_alone():
    assert saved(Timestamps(created=3)) == [{"created": 3, "changed": 3}]
    assert saved(Timestamps(created=0, changed=0)) == [{"created": 0, "changed": 0}]


def test_two_mixins():
    page = Page(created=1, changed=4, name="Home")
    assert saved(page) == [{"created": 1, "changed": 4, "name": "Home"}]


def test_all_fields_of_three():
    assert saved(article()) == [{"name": "Tea", "price": 350, "created": 5, "changed": 5}]


def test_problem_of_each_part():
    assert problems(article(name="")) == ["name is blank"]
    assert problems(article(price=-1)) == ["price is negative"]
    assert problems(article(changed=4)) == ["changed before it was created"]


def test_all_problems_at_once():
    assert problems(article(name="", price=-1, changed=4)) == [
        "changed before it was created",
        "name is blank",
        "price is negative",
    ]
    assert problems(Page(name="", created=2, changed=1)) == [
        "changed before it was created",
        "name is blank",
    ]


def test_other_order_of_parts():
    class Offer(Timestamps, Priced, Named):
        pass

    offer = Offer(name="Sale", price=1, created=9)
    assert saved(offer) == [{"created": 9, "changed": 9, "price": 1, "name": "Sale"}]


def test_unknown_arguments_are_refused():
    for build in (
        lambda: article(colour="green"),
        lambda: Tag(name="x", colour="green"),
        lambda: Priced(price=1, colour="green"),
        lambda: Page(created=1, name="x", colour="green"),
    ):
        try:
            build()
        except TypeError:
            continue
        raise AssertionError("an unknown argument was accepted")


def test_failed_save_stores_nothing():
    store = []
    try:
        article(price=-5).save(store)
    except ValueError:
        assert store == []
        return
    raise AssertionError("saved a negative price")
