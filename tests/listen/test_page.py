"""The page in a real browser, from the first click to the results, and sound that really plays."""

from pathlib import Path

import pytest

from musiclm.listen.experiment import gather

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--autoplay-policy=no-user-gesture-required",
]
WAIT = 20_000  # milliseconds
# What the page plays is not in the document: each player is noted as it is made, and what leaves
# it for the loudspeakers is measured.
LISTEN = """
    window.heard = [];
    const Real = window.Audio, context = new AudioContext();
    window.Audio = function (source) {
        const audio = new Real(source), meter = context.createAnalyser();
        const samples = new Float32Array(meter.fftSize);
        context.createMediaElementSource(audio).connect(meter).connect(context.destination);
        audio.peak = 0;
        audio.addEventListener("timeupdate", () => {
            meter.getFloatTimeDomainData(samples);
            audio.peak = Math.max(audio.peak, ...samples.map(Math.abs));
        });
        heard.push(audio);
        return audio;
    };
"""


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """Open the page on a screen of some size; any error of its scripts fails the test."""
    contexts, errors = [], []

    def opened(address, width, height, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.add_init_script(LISTEN)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: said.type == "error" and errors.append(said.text))
        page.goto(address)
        page.wait_for_selector("#begin:enabled")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [one for one in errors if "Failed to load resource" not in one] == []


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def plays(page, clips):
    """Every clip has moved on, and is not silence."""
    for index in range(-clips, 0):
        assert page.evaluate(f"heard.at({index}).currentTime") > 0.5
        assert page.evaluate(f"heard.at({index}).peak") > 0.03  # a tone of -23 LUFS has 0.1


def test_keyboard_only_to_the_end_and_the_results(serve, experiment, visit, texts):
    client = serve(experiment, trials=2)
    page = visit(client.address, 1000, 800)
    assert "Ignore the sound quality" in page.inner_text("#start")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # on Begin, the first thing that takes the focus
    for number in (1, 2):
        page.wait_for_selector(f"#count:text-is('Page {number} of 2')")
        assert page.evaluate("document.activeElement.id") == "heading"
        assert page.inner_text("#text") in texts
        page.keyboard.press("4")  # too early
        assert page.locator("input:checked").count() == 0 and page.is_disabled("#send")
        page.keyboard.press("a")
        page.wait_for_selector(".player:nth-child(1).heard")
        assert page.inner_text("#hint") == "First listen to Clip B."
        page.keyboard.press("b")
        page.wait_for_selector(".player:nth-child(2).heard")
        plays(page, 2)
        page.keyboard.press("4")
        assert page.is_checked("input[value='1']")
        page.keyboard.press("Enter")
    page.wait_for_selector("#end:visible")
    ballots = client.test.clerk.votes.read().ballots
    assert [one.answer for one in ballots] == [(1,), (1,)] and ballots[0].seconds > 1.5
    page.goto(f"{client.address}/results?key={client.admin}")
    assert "2 answers of 1 raters" in page.inner_text("main")
    assert page.locator("svg circle").count() >= 2
    with page.expect_download() as download:
        page.click("text=All votes (CSV)")
    assert Path(download.value.path()).read_text().count("\n") == 3


def test_fingers_on_a_phone_who_leave_and_come_back(serve, experiment, visit):
    client = serve(experiment, trials=2)
    page = visit(client.address, 360, 640, has_touch=True, is_mobile=True)
    assert fits(page)
    page.tap("#begin")
    for place in (1, 2):
        page.tap(f".player:nth-child({place}) .play")
        page.wait_for_selector(f".player:nth-child({place}).heard")
    plays(page, 2)
    assert fits(page)
    sizes = page.evaluate(
        "[...document.querySelectorAll('#trial button, .choice')].map(x => x.offsetHeight)"
    )
    assert min(sizes) >= 44  # for a thumb
    page.tap(".choice:nth-child(1)")
    page.tap("#send")
    page.wait_for_selector("#count:text-is('Page 2 of 2')")
    page.reload()
    page.wait_for_selector("#begin:text-is('Go on')")
    assert "1 of 2" in page.inner_text("#intro")
    # On another device, with the address.
    other = visit(page.url, 800, 600)
    assert "1 of 2" in other.inner_text("#intro")
    assert [one.answer for one in client.test.clerk.votes.read().ballots] == [(-2,)]
    page.goto(f"{client.address}/results?key={client.admin}")
    assert fits(page)


def test_a_vote_waits_for_a_server_that_is_away(serve, experiment, visit):
    client = serve(experiment, trials=1)
    page = visit(client.address, 800, 600)
    page.click("#begin")
    for key in "ab":
        page.keyboard.press(key)
        page.wait_for_selector(f".player:nth-child({'ab'.index(key) + 1}).heard")
    page.keyboard.press("3")
    page.route("**/api/vote", lambda route: route.fulfill(status=503, json={"error": "away"}))
    page.click("#send")
    page.wait_for_selector("#alert:has-text('sent again')")
    assert client.test.clerk.votes.read().ballots == []
    page.unroute("**/api/vote")
    page.wait_for_selector("#end:visible")
    assert [one.answer for one in client.test.clerk.votes.read().ballots] == [(0,)]


def test_names_for_screen_readers(serve, experiment, visit):
    client = serve(experiment, trials=1)
    page = visit(client.address, 800, 600)
    page.click("#begin")
    for role, name in (
        ("heading", "Which music fits the text?"),
        ("button", "Play Clip A"),
        ("slider", "Position in Clip B"),
        ("group", "Which clip does the text describe better?"),
        ("radio", "No preference"),
        ("progressbar", "Page 1 of 1"),
    ):
        found = page.get_by_role(role, name=name)
        assert found.count() == 1, (role, name)
    assert page.get_by_role("status").inner_text() == "First listen to Clip A and Clip B."


def test_sliders(serve, folders, visit):
    client = serve(gather(folders[1:], "mushra", reference=folders[0]), trials=1)
    page = visit(client.address, 360, 640)
    page.click("#begin")
    for place, key in enumerate("rabcd", 1):
        page.keyboard.press(key)
        page.wait_for_selector(f".player:nth-child({place}).heard")
    plays(page, 5)
    assert page.is_disabled("#send") and fits(page)
    for slider in page.get_by_role("slider", name="Score").all():
        slider.press("End")
        slider.press("ArrowLeft")
    page.click("#send")
    page.wait_for_selector("#end:visible")
    assert [one.answer for one in client.test.clerk.votes.read().ballots] == [(99,) * 4]
