from served import content_type, locate

PUBLIC = "/srv/public"


def is_refused(request, public=PUBLIC):
    try:
        locate(public, request)
    except PermissionError:
        return True
    return False


def test_file_below():
    assert locate(PUBLIC, "index.html") == "/srv/public/index.html"
    assert locate(PUBLIC, "img/a.png") == "/srv/public/img/a.png"


def test_dots_that_stay_inside():
    assert locate(PUBLIC, "img/../css/./a.css") == "/srv/public/css/a.css"


def test_folder_itself():
    assert locate(PUBLIC, "") == "/srv/public"
    assert locate(PUBLIC, "img/..") == "/srv/public"


def test_leading_slash_is_below_the_folder():
    assert locate(PUBLIC, "/index.html") == "/srv/public/index.html"
    assert locate(PUBLIC, "//etc/passwd") == "/srv/public/etc/passwd"
    assert locate(PUBLIC, "/srv/public/x") == "/srv/public/srv/public/x"


def test_parent_is_refused():
    assert is_refused("../secret")
    assert is_refused("img/../../secret")
    assert is_refused("/../secret")


def test_sibling_with_the_same_beginning_is_refused():
    assert is_refused("../public-old/x")
    assert is_refused("../publicity")


def test_public_folder_with_a_trailing_slash():
    assert locate("/srv/public/", "a.txt") == "/srv/public/a.txt"
    assert locate("/srv/public/", "") == "/srv/public"
    assert is_refused("../public-old/x", "/srv/public/")


def test_content_type():
    assert content_type("/x/INDEX.HTML") == "text/html"
    assert content_type("/x/archive") == "application/octet-stream"
