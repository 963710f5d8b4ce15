"""A real browser for tests: Chrome or Chromium with its chromedriver, driven by Selenium, or a reason to skip."""

import shutil

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed: `make browser-test` does it")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
DRIVER = shutil.which("chromedriver")
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1200,1500")
needed = pytest.mark.skipif(not (BROWSER and DRIVER), reason="no Chromium with its chromedriver was found: install it")


def start(profile, offline=False):
    """Start the browser with a profile of its own; `offline` without a network, and with a record of each request."""
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for option in (*OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    if offline:
        options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND")
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(150)
    return driver
