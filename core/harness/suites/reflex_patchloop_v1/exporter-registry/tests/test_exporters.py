from exporters import Exporter


def families():
    class TextExporter(Exporter):
        pass

    class ImageExporter(Exporter):
        pass

    class Csv(TextExporter):
        suffix = "csv"

    class Png(ImageExporter):
        suffix = "png"

    return TextExporter, ImageExporter, Csv, Png


def is_missing(family, suffix):
    try:
        family.find(suffix)
    except LookupError:
        return True
    return False


def test_find_in_own_family():
    text, image, csv, png = families()
    assert text.find("csv") is csv
    assert image.find("png") is png


def test_not_in_the_other_family():
    text, image, _, _ = families()
    assert is_missing(text, "png")
    assert is_missing(image, "csv")


def test_suffixes():
    text, image, _, _ = families()
    assert text.suffixes() == ["csv"]
    assert image.suffixes() == ["png"]


def test_same_suffix_in_two_families():
    text, image, _, _ = families()

    class SvgText(text):
        suffix = "svg"

    class SvgImage(image):
        suffix = "svg"

    assert text.find("svg") is SvgText
    assert image.find("svg") is SvgImage


def test_same_suffix_twice_in_a_family():
    text, _, csv, _ = families()
    try:
        type("OtherCsv", (text,), {"suffix": "csv"})
    except ValueError:
        assert text.find("csv") is csv
        return
    raise AssertionError("a second csv format was accepted")


def test_base_without_suffix_is_not_registered():
    text, _, csv, _ = families()

    class Markup(text):
        pass

    class Html(Markup):
        suffix = "html"

    assert text.suffixes() == ["csv", "html"]
    assert text.find("html") is Html
    assert Markup.find("csv") is csv


def test_new_family_is_empty():
    families()

    class SoundExporter(Exporter):
        pass

    assert SoundExporter.suffixes() == []
