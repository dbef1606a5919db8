"""From the key press to the next item painted, in Chromium, when the next item is in reserve.

    python -m benchmarks.desk_paint [--items 40] [--chromium /usr/bin/chromium]

Starts a PostgreSQL and gunicorn of its own, opens the desk as one annotator and judges item after item with one press a
verdict. A press is timed from the keydown event's own time stamp to the second frame after the next card stands in the
page. Prints one JSON line last, in milliseconds.
"""

import argparse
import json
import os

from playwright.sync_api import sync_playwright

from benchmarks.desk_load import make_person
from benchmarks.labeling_bench import add_items, own_database
from benchmarks.web_bench import gunicorn

# Which press led to which painted card; a frame callback runs before the paint, the one after it behind it.
WATCH = """
() => {
  window.painted = [];
  let pressed = 0;
  addEventListener("keydown", (event) => { pressed = event.timeStamp; }, { capture: true });
  new MutationObserver(() => {
    const item = document.getElementById("card")?.dataset.item;
    if (!item || item === window.lastItem) return;
    window.lastItem = item;
    const began = pressed;
    requestAnimationFrame(() => requestAnimationFrame(() => window.painted.push(performance.now() - began)));
  }).observe(document.querySelector("[data-desk]"), { childList: true, subtree: true });
  window.lastItem = document.getElementById("card").dataset.item;
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Key press to next item painted")
    parser.add_argument("--items", type=int, default=40)
    parser.add_argument("--chromium", default=os.environ.get("ACCORD_CHROMIUM", "/usr/bin/chromium"))
    options = parser.parse_args()
    with own_database():
        from accounts.models import Organisation
        from labeling.models import Project

        organisation = Organisation.objects.create(name="Bench", slug="bench")
        _, session = make_person(organisation, "a@example.org")
        project = Project.objects.create(organisation=organisation, name="Paint", slug="paint")
        add_items(project.pk, options.items + 20, 1)
        with gunicorn() as (port, _):
            times = press(options, f"http://127.0.0.1:{port}", session, project.pk)
    times.sort()
    figures = {
        "presses": len(times),
        "p50_ms": round(times[len(times) // 2], 1),
        "p95_ms": round(times[int(len(times) * 0.95)], 1),
    }
    print(json.dumps({"benchmark": "desk_paint", "load_average": round(os.getloadavg()[0], 2)} | figures))


def press(options: argparse.Namespace, url: str, session: str, project: int) -> list[float]:
    arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=arguments)
        context = browser.new_context(base_url=url)
        context.add_cookies([{"name": "sessionid", "value": session, "url": url}])
        page = context.new_page()
        page.goto(f"/projects/{project}/desk/")
        page.evaluate(WATCH)
        for number in range(options.items):
            page.wait_for_timeout(700)  # reading, shortly; the reserve comes meanwhile
            page.keyboard.press("2")
            page.keyboard.press("2")
            page.wait_for_function("count => window.painted.length > count", arg=number)
        times: list[float] = page.evaluate("window.painted")
        browser.close()
    return times


if __name__ == "__main__":
    main()
