"""The page in a real browser: how a link opens it, from wherever and through whatever."""

import base64

import pytest

from tests.support.addresses import parts_of, port_of
from tests.support.network import Site
from tests.support.proxies import WAYS, Apache, Jupyter, Nginx, needs_apache, needs_nginx
from tests.support.visits import BOTH, served, visit, waits

NAME = "gpu.localhost"
"""A browser finds any such name on this machine, and the worker does not know it."""


def is_connected(browser):
    browser.wait(lambda: browser.viewer().get("connected"), "connected")


def fragment(link):
    return f"#token={link.partition('#token=')[2]}&transport=ws"


def as_sent(link):
    """The token of the link in each form in which the page sends it."""
    token = parts_of(link)[1]
    return token, base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


@BOTH
def test_a_link_that_is_clicked_on_another_site_opens(browser, gate, transport):
    with waits(gate) as worker:
        link = f"{worker.link()}&transport={transport}"
        with Site(f'<a id="it" href="{link}">look</a>') as site:
            browser.open(f"http://a-chat.localhost:{site.port}/")
            browser.press("#it")
            is_connected(browser)
            browser.driver.refresh()
            is_connected(browser)
        assert parts_of(link)[1].partition("&")[0] not in browser.driver.current_url
        assert browser.run("return document.cookie") == ""


def test_a_link_of_the_former_kind_opens(browser, gate):
    with waits(gate) as worker:
        base, token = parts_of(worker.link())
        browser.open(f"{base}/?transport=ws&token={token}")
        is_connected(browser)
        assert browser.driver.current_url == f"{base}/?transport=ws"


def test_another_link_that_is_opened_in_the_pages_tab_counts(browser, gate):
    with waits(gate, "--read-only-token", "random") as worker:
        visit(browser, worker)
        watching = worker.link("watch it at ")
        browser.run(f"location.href = '{watching}&transport=ws'")
        browser.wait_for("#control-reason", "for watching only")


def test_what_is_served_at_another_port_of_this_machine_learns_nothing(browser, gate):
    """Neither by a cookie nor by the store of the tab, nor by what it may ask."""
    asks = """<script>
    const kept = [document.cookie, ...Object.values({...sessionStorage, ...localStorage})];
    fetch("BASE/session").then(() => "read", () => "not read").then((what) => {
      document.title = JSON.stringify([...kept, document.referrer, what]);
    });
    </script>"""
    with waits(gate) as worker:
        visit(browser, worker)
        with Site(asks.replace("BASE", parts_of(worker.link())[0])) as site:
            browser.run(f"location.href = 'http://127.0.0.1:{site.port}/'")
            browser.wait(lambda: browser.driver.title == '["","","not read"]', "nothing")


@needs_nginx
def test_behind_each_kind_of_proxy_the_page_is_whole(browser, gate, tmp_path):
    with waits(gate, "--allow-host", NAME) as worker:
        link = worker.link()
        with Nginx(tmp_path / "nginx", port_of(link)) as nginx:
            for way in WAYS:
                base = nginx.base(way, NAME)
                browser.open(base + fragment(link))
                is_connected(browser)
                browser.wait_for("#state", "waiting for the trainer")
                assert browser.driver.current_url == f"{base}?transport=ws"
            assert "GET /session" in nginx.logs()
            assert not any(token in nginx.logs() for token in as_sent(link))


@needs_nginx
def test_a_name_that_is_not_allowed_is_told_with_the_option_for_it(browser, gate, tmp_path):
    with waits(gate) as worker:
        link = worker.link()
        with Nginx(tmp_path / "nginx", port_of(link)) as nginx:
            browser.open(nginx.base("default", NAME) + fragment(link))
            browser.wait_for("#state", "no access")
            browser.wait_for("#state-note", f"start the worker with --allow-host {NAME}")
            browser.open(nginx.base("$host", NAME) + fragment(link))
            browser.wait_for("body", f"start the worker with --allow-host {NAME}")
            # A name that is not known, of a machine that is: nothing has to be allowed.
            browser.open(nginx.base("$host", "localhost") + fragment(link))
            is_connected(browser)


@needs_nginx
def test_two_workers_at_one_origin_have_tokens_of_their_own(browser, new_gate, tmp_path):
    with waits(new_gate()) as one, waits(new_gate()) as two:
        ports = [port_of(worker.link()) for worker in (one, two)]
        with Nginx(tmp_path / "nginx", *ports) as nginx:
            bases = [nginx.base("prefix", path=path) for path in ("/run/", "/other/")]
            instances = []
            for base, worker in zip(bases, (one, two), strict=True):
                browser.open(base + fragment(worker.link()))
                is_connected(browser)
                instances.append(browser.viewer()["instance"])
            for base, instance in zip(bases, instances, strict=True):
                browser.open(f"{base}?transport=ws")  # without a token: the tab has it
                is_connected(browser)
                assert browser.viewer()["instance"] == instance
    assert len(set(instances)) == 2


@needs_apache
@pytest.mark.parametrize("way", ["rnode", "node"])
def test_behind_an_apache_as_that_of_open_ondemand_a_run_is_stopped(browser, tmp_path, way):
    with served("--epochs", "100000") as worker, Apache(tmp_path / "apache") as apache:
        link = worker.link()
        base = apache.base(way, port_of(link))
        browser.open(base + fragment(link))
        is_connected(browser)
        assert browser.driver.current_url == f"{base}?transport=ws"
        browser.wait(lambda: browser.viewer()["epochs"] >= 1, "an epoch")
        browser.driver.refresh()
        is_connected(browser)
        browser.press("#stop")
        browser.press("#confirm-yes")
        browser.wait_for("#state", "stopped early")
        assert worker.ends() == 0
        assert f"GET /{way}/127.0.0.1/{port_of(link)}/session" in apache.logs()
        assert not any(token in apache.logs() for token in as_sent(link))


def test_behind_a_jupyter_server_the_page_is_whole(browser, gate, tmp_path):
    with waits(gate) as worker, Jupyter(tmp_path / "jupyter") as jupyter:
        link = worker.link()
        base = f"{jupyter.base}proxy/{port_of(link)}/"
        # Who is not signed in there sees its own page, and has the fragment still behind it.
        browser.open(f"{base}?token={jupyter.token}{fragment(link)}")
        is_connected(browser)
        browser.wait_for("#state", "waiting for the trainer")
        browser.driver.refresh()
        is_connected(browser)
        assert f"websocket connection established to ws://localhost:{port_of(link)}" in (
            jupyter.logs().lower()
        )
        assert not any(token in jupyter.logs() for token in as_sent(link))
