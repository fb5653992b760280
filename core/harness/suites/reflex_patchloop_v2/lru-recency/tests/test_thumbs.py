from thumbs import ThumbCache


def filled(places, *keys):
    cache = ThumbCache(places)
    for key in keys:
        cache.put(key, key.upper())
    return cache


def test_get_what_was_put():
    cache = filled(2, "a")
    assert cache.get("a") == "A"
    assert cache.get("b") is None
    assert cache.get("b", "none") == "none"


def test_oldest_goes_without_any_use():
    cache = filled(2, "a", "b", "c")
    assert "a" not in cache
    assert len(cache) == 2


def test_reading_counts_as_use():
    cache = filled(2, "a", "b")
    cache.get("a")
    cache.put("c", "C")
    assert "a" in cache
    assert "b" not in cache


def test_storing_again_counts_as_use():
    cache = filled(3, "a", "b", "c")
    cache.put("a", "new")
    cache.put("d", "D")
    assert cache.get("a") == "new"
    assert "b" not in cache


def test_asking_is_no_use():
    cache = filled(2, "a", "b")
    assert "a" in cache
    cache.put("c", "C")
    assert "a" not in cache


def test_reading_a_missing_key_changes_nothing():
    cache = filled(2, "a", "b")
    assert cache.get("x") is None
    assert len(cache) == 2
    cache.put("c", "C")
    assert "x" not in cache
    assert "b" in cache


def test_stored_none_counts_as_use():
    cache = ThumbCache(2)
    cache.put("broken", None)
    cache.put("b", "B")
    assert cache.get("broken", "default") is None
    cache.put("c", "C")
    assert "broken" in cache
