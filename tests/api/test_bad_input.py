"""What portals must not send: each a problem in the caller's language that names the field, and not one row written anywhere."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

PROBLEM = "application/problem+json"
LINE = {"fee": "LP-LLTP", "agency": "000.00.00.G15", "amount": 200_000}
ORIGIN = "https://dichvucong.moj.example"
TEXTS = ["portal_reference", "dossier", "lines/0/fee", "lines/0/agency", "lines/0/description", "payer/name", "payer/address"]
UNSEEN = {
    "null": "\u0000", "escape": "\u001b", "tab": "\t", "line feed": "\n", "delete": "\u007f", "next line": "\u0085", "C1": "\u009b",
    "line separator": "\u2028", "right-to-left override": "\u202e", "isolate": "\u2066", "zero-width space": "\u200b",
    "word joiner": "\u2060", "byte order mark": "\ufeff", "non-character": "\uffff",
}  # fmt: skip


def rows_by_table(hub) -> dict[str, int]:
    with hub.db.engine.connect() as connection:
        # That the key was used is noted once a minute, whatever it was used for.
        told = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'api_key_use'"
        counts = [f"SELECT '{table}' AS name, count(*) AS count FROM \"{table}\"" for table in connection.scalars(text(told))]
        return dict(connection.execute(text(" UNION ALL ".join(counts))).all())


@pytest.fixture(autouse=True)
def _nothing_is_stored(hub) -> Iterator[None]:
    before = rows_by_table(hub)
    yield
    assert rows_by_table(hub) == before


@pytest.fixture
def send(client, keys):
    """Send bytes, or an object as JSON; return the answer."""

    def post(body: Any, **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}", "Idempotency-Key": uuid.uuid4().hex, **headers}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.post("/v1/payments", data=data, headers=sent)

    return post


def put(body: dict[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """Return a copy of the body with one value, found by its pointer, replaced."""
    body = json.loads(json.dumps({"payer": {}, **body}))
    *way, last = pointer.split("/")
    place: Any = body
    for step in way:
        place = place[int(step) if step.isdecimal() else step]
    place[last] = value
    return body


def demand(answer: Any, pointer: str, status: int = 422) -> None:
    assert (answer.status_code, answer.content_type) == (status, PROBLEM), answer.text[:500]
    assert answer.json["status"] == status
    assert pointer in [each["pointer"] for each in answer.json["errors"]], answer.json["errors"]
    assert all(each["detail"] for each in answer.json["errors"])


AMOUNTS = [
    0, -1, 10**15 + 1, 2**63 - 1, 2**63, 2**64, 10**30, -(2**63) - 1, 0.5, 200_000.0, 200_000.5, 1e30, "200000", "2e5", "", True,
    None, [], [200_000], {}, {"amount": 200_000},
]  # fmt: skip


def test_an_amount_is_a_whole_number_in_range(send, order, subtests) -> None:
    for amount in AMOUNTS:
        with subtests.test(amount=amount):
            demand(send(put(order, "lines/0/amount", amount)), "/lines/0/amount")
    for written in ("2e5", "2E5", "200000.0", "2000000e-1"):
        with subtests.test(written=written):
            demand(send(json.dumps(order).replace("200000", written).encode()), "/lines/0/amount")


def test_a_number_json_does_not_know_is_malformed(send, order, subtests) -> None:
    for number in ("NaN", "Infinity", "1e400", "9" * 400, "0x10", "+1", "01", "1_000", ".5", "\u0665"):
        with subtests.test(number=number[:20]):
            answer = send(json.dumps(order).replace("200000", number).encode())
            assert (answer.status_code, answer.json["code"]) == (400, "malformed")


def test_there_are_one_to_fifty_lines_and_each_is_an_object(send, order, subtests) -> None:
    for lines in ([], None, {}, "x", 1, [LINE] * 51, [LINE] * 10_000):
        with subtests.test(lines=str(lines)[:20]):
            demand(send({**order, "lines": lines}), "/lines")
    for line in (1, None, "x", [], [LINE]):
        with subtests.test(line=line):
            demand(send({**order, "lines": [LINE, line]}), "/lines/1")


@pytest.mark.parametrize("each", ["{}", "1"])
def test_a_flood_of_mistakes_is_counted_and_not_read(send, order, each) -> None:
    lines = ",".join([each] * 300_000)
    body = json.dumps({**order, "lines": 0}).replace('"lines": 0', f'"lines": [{lines}]').encode()
    answer = send(body)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json["errors"]] == ["/lines"]
    assert len(answer.data) < 64_000


def test_a_flood_of_unknown_fields_is_answered_shortly(send, client, keys, order) -> None:
    assert len(send({**order, **{f"f{number}": 1 for number in range(50_000)}}).data) < 64_000
    assert len(send({**order, "x" * 500_000: 1}).data) < 64_000
    query = "&".join(f"f{number}=1" for number in range(50_000))
    answer = client.get(f"/v1/payments?{query}", headers={"Authorization": f"Bearer {keys['dvc-bo-tu-phap']}"})
    assert 400 <= answer.status_code < 500
    assert len(answer.data) < 64_000


UNKNOWN = ["tip", "lines/0/tip", "payer/tip", "Lines", "", "a b", "$where", "__proto__", "\u0000"]


def test_an_unknown_field_is_refused_and_named(send, order, subtests) -> None:
    for field in UNKNOWN:
        with subtests.test(field=field):
            answer = send(put(order, field, 1))
            demand(answer, f"/{field}")
            assert "unknown_field" in [each["code"] for each in answer.json["errors"]]


def test_a_pointer_is_escaped_as_pointers_are(send, order) -> None:
    demand(send({**order, "a/b~c": 1}), "/a~1b~0c")


WRONG = {
    "currency": ["USD", "vnd", "VND ", "", "XXX", 704, None, ["VND"]],
    "lines/0/quantity": [0, -1, 10**6 + 1, 1.0, "2", True, None, []],
    "portal_reference": [1, 1.5, True, None, [], {}, "", "x" * 101],
    "dossier": [1, True, None, [], {}, "", "x" * 101],
    "language": ["fr", "VI", "", 1, None, []],
    "return_url": [1, None, [], {}, "", "x" * 2001, "x", "/back", "//moj.example", "ftp://moj.example", "https://", "javascript:alert(1)",
                   "data:text/html,x", "https://[::1", "https://[v1.x]/", f"{ORIGIN}:99999/", f"{ORIGIN}:x/", f"{ORIGIN}@evil.example/",
                   "https://a:b@dichvucong.moj.example/", f"{ORIGIN}.evil.example/", f"{ORIGIN}\\@evil.example/", f"{ORIGIN}/ x",
                   f"{ORIGIN}/\n", "https://dichvu\ncong.moj.example/", f"{ORIGIN}/\t", f"{ORIGIN}/\u0085", f"{ORIGIN}/\u202e", "https://\ufe68/"],
    "expires_at": ["2026-11-21T16:00:00", "2026-11-21 16:00", "2026-11-21", "16:00:00Z", "x", "", 1_795_301_586, 1.5, True, None, [], {},
                   "2026-02-30T00:00:00Z", "2026-11-21T25:00:00Z", "2026-11-21T16:00:00+25:00", "+10000-01-01T00:00:00Z",
                   "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-20T03:00:00Z", "2027-11-22T03:00:00Z"],
    "metadata": [1, None, [], "x", True],
    "additional": [1, 0, 1.0, "true", "yes", "", None, [], {}],
    "payer": [1, None, "x", [], [{}]],
    "payer/name": [1, None, "", "x" * 201, []],
    "payer/id_number": [1_099_012_345, "", "0" * 21],
    "payer/phone": [84, "", "0" * 21],
    "payer/email": [1, "", "x" * 255],
    "lines/0/fee": [1, None, "", "x" * 65, [], "NOPE"],
    "lines/0/agency": [1, None, "", "x" * 65, [], "NOPE"],
    "lines/0/description": [1, None, "", "x" * 251, []],
}  # fmt: skip


@pytest.mark.parametrize("field", WRONG)
def test_a_wrong_value_is_refused_and_its_field_named(send, order, field, subtests) -> None:
    for value in WRONG[field]:
        with subtests.test(value=str(value)[:40]):
            demand(send(put(order, field, value)), f"/{field}")


def test_metadata_is_a_few_short_texts(send, order, subtests) -> None:
    long, many = {"x" * 41: "a"}, {f"{number}": "a" for number in range(21)}
    for value in (
        {"a": 1},
        {"a": None},
        {"a": {"b": "c"}},
        {"a": ["x"]},
        {"a": "x" * 501},
        {"a": "\u0000"},
        {"\u0000": "a"},
        long,
        many,
    ):
        with subtests.test(value=str(value)[:40]):
            answer = send({**order, "metadata": value})
            assert answer.status_code == 422
            assert {each["pointer"] for each in answer.json["errors"]} <= {"/metadata", *(f"/metadata/{name}" for name in value)}


def test_a_missing_field_is_named(send, order, subtests) -> None:
    for missing in ("portal_reference", "lines", "lines/0/fee", "lines/0/agency"):
        with subtests.test(missing=missing):
            body = json.loads(json.dumps(order))
            place = body["lines"][0] if "/" in missing else body
            del place[missing.rsplit("/", 1)[-1]]
            demand(send(body), f"/{missing}")


@pytest.mark.parametrize("field", TEXTS)
def test_characters_nobody_sees_and_blanks_are_refused(send, order, field, subtests) -> None:
    for name, unseen in UNSEEN.items():
        with subtests.test(name):
            demand(send(put(order, field, f"a{unseen}b")), f"/{field}")
    for blank in (" ", "   ", "\u00a0", "\u3000"):
        with subtests.test(blank=blank):
            demand(send(put(order, field, blank)), f"/{field}")


MALFORMED = {
    "nothing": b"", "blank": b" ", "cut off": b'{"lines": [', "list": b"[]", "null": b"null", "text": b'"x"', "number": b"1",
    "two": b"{} {}", "comma": b'{"a": 1,}', "comment": b"{} // x", "single quotes": b"{'a': 1}", "byte order mark": b"\xef\xbb\xbf{}",
    "utf-16": '{"a": "é"}'.encode("utf-16"), "latin-1": '{"a": "é"}'.encode("latin-1"), "never utf-8": b'{"a": "\xff\xfe"}',
    "overlong": b'{"a": "\xc0\x80"}', "surrogate bytes": b'{"a": "\xed\xa0\x80"}', "lone surrogate": b'{"a": "\\ud800"}',
    "swapped surrogates": b'{"a": "\\udc00\\ud800"}', "raw control": b'{"a": "\x01"}', "null byte": b"\x00", "form": b"a=b&c=d",
    "deep lists": b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "never closed": b"[" * 500_000, "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00",
}  # fmt: skip


@pytest.mark.parametrize("language", ["vi", "en"])
def test_what_is_not_a_json_object_is_malformed(send, language, subtests) -> None:
    title = {"vi": "Không đọc được nội dung yêu cầu", "en": "The body of the request cannot be read"}[language]
    for name, body in MALFORMED.items():
        with subtests.test(name):
            answer = send(body, **{"Accept-Language": language})
            assert (answer.status_code, answer.content_type, answer.json["code"]) == (400, PROBLEM, "malformed")
            assert answer.json["title"] == title


def test_what_is_deep_and_still_read_is_refused_like_any_other_value(send, order, subtests) -> None:
    for depth in (10, 500, 1000):
        with subtests.test(depth=depth):
            deep = json.dumps(order)[:-1] + ', "metadata": ' + '{"a":' * depth + "1" + "}" * depth + "}"
            demand(send(deep.encode()), "/metadata")
            demand(send(deep.replace("metadata", "other").encode()), "/other")


def test_a_name_given_twice_counts_as_given_last(send, order) -> None:
    twice = json.dumps(order)[:-1]
    demand(send((twice + ', "currency": "VND", "currency": "USD"}').encode()), "/currency")
    demand(send((twice + ', "lines": []}').encode()), "/lines")


@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_body_over_the_limit_is_too_large(send, order, hub, language) -> None:
    over = hub.settings.api.max_body_bytes + 1 - len(json.dumps(order).encode())
    answer = send(json.dumps(order).encode() + b" " * over, **{"Accept-Language": language})
    assert (answer.status_code, answer.content_type) == (413, PROBLEM)
    assert answer.json["status"] == 413
    assert answer.headers["Content-Language"] == language
    other = send(b" " * (hub.settings.api.max_body_bytes + 1), **{"Accept-Language": {"vi": "en", "en": "vi"}[language]})
    assert answer.json["title"] != other.json["title"]


@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_key_is_short_and_visible(send, order, language, subtests) -> None:
    for key in ("", " ", "a b", "x" * 129, "x" * 10_000, "é", "khóa", "\u200b"):
        with subtests.test(key=key[:8]):
            answer = send(order, **{"Idempotency-Key": key.encode().decode("latin-1"), "Accept-Language": language})
            assert (answer.status_code, answer.content_type, answer.json["code"]) == (400, PROBLEM, "idempotency_key_invalid")
            assert "Idempotency-Key" in answer.json["title"]
            assert answer.headers["Content-Language"] == language


def test_what_opens_nothing_is_401(send, order, subtests) -> None:
    for given in ("", "Bearer", "Bearer " + "x" * 10_000, "Basic eDp5", "Bearer \xff", "Bearer a b", "x"):
        with subtests.test(given=given[:12]):
            answer = send(order, Authorization=given)
            assert (answer.status_code, answer.content_type, answer.json["code"]) == (401, PROBLEM, "unauthenticated")


QUERIES = {
    "/v1/payments": [
        ("limit=0", "limit"), ("limit=201", "limit"), ("limit=-1", "limit"), ("limit=1.0", "limit"), ("limit=", "limit"),
        ("limit=" + "9" * 30, "limit"), ("limit=" + "9" * 5000, "limit"), ("limit=x", "limit"), ("cursor=", "cursor"), ("cursor=x", "cursor"),
        ("limit=%2B5", "limit"), ("limit=+5", "limit"), ("limit=5+", "limit"), ("limit=1_0", "limit"), ("limit=5%0A", "limit"),
        ("limit=%D9%A5", "limit"), ("limit=%EF%BC%95", "limit"), ("limit=0000000005", "limit"), ("limit", "limit"),
        ("limit=1&limit=2", "limit"), ("limit=1&limit=1", "limit"), ("state=paid&cursor=x&state=open", "state"), ("colour=1&colour=2", "colour"),
        ("cursor=%00", "cursor"), ("cursor=%ff%fe", "cursor"), ("cursor=" + "x" * 200, "cursor"), ("cursor=pay_" + "0" * 32, "cursor"),
        ("state=gone", "state"), ("state=paid%00", "state"), ("portal_reference=%00", "portal_reference"),
        ("portal_reference=%E2%80%AE", "portal_reference"), ("portal_reference=" + "x" * 101, "portal_reference"), ("colour=red", "colour"),
    ],
    "/v1/discrepancies": [
        ("limit=" + "9" * 30, "limit"), ("cursor=%00", "cursor"), ("date=2026-11-31", "date"), ("date=%00", "date"), ("date=" + "9" * 5000, "date"),
        ("date=2026-11-20T00:00:00", "date"), ("kind=%00", "kind"), ("state=x", "state"), ("limit=1_0", "limit"), ("colour=red", "colour"),
        ("date=2026-W47-6", "date"), ("date=20261121", "date"), ("date=2026-325", "date"), ("date=2026-11-21%0A", "date"), ("date=+2026-11-21", "date"),
        ("date=%D9%A2026-11-21", "date"), ("date=2026-1-1", "date"), ("date=0000-01-01", "date"), ("date=2026-11-20&date=2026-11-21", "date"),
    ],
    "/v1/reports/agency-totals": [
        ("", "date"), ("date=-0001-01-01", "date"), ("date=2026-11-20&format=xml", "format"), ("date=%ff", "date"),
        ("date=20261120", "date"), ("date=2026-W47-5", "date"), ("date=2026-11-20&date=2026-11-20", "date"), ("date=2026-11-20&day=1", "day"),
        ("date=2026-11-20&until=2026-11-19", "until"), ("date=2026-01-01&until=2026-11-19", "until"), ("date=2026-11-20&mode=both", "mode"),
        ("date=2026-11-20&by=day", "by"), ("date=2026-11-20&gateway_account=nobody", "gateway_account"),
    ],
    "/v1/reports/gateway-totals": [("", "date"), ("date=2026-11-20&by=agency", "by"), ("date=2026-11-20&mode=", "mode")],
    "/v1/reports/rows": [
        ("date=2026-11-20", "figure"), ("date=2026-11-20&figure=count", "figure"), ("date=2026-11-20&figure=net&mode=cohort", "figure"),
        ("date=2026-11-20&figure=due&cursor=x", "cursor"), ("date=2026-11-20&figure=due&cursor=eA==", "cursor"),
        ("date=2026-11-20&figure=due&limit=0", "limit"), ("date=2026-11-20&figure=due&cursor=%E1%BA%BF", "cursor"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("path", QUERIES)
def test_a_bad_query_is_refused_and_its_field_named(client, keys, path, subtests) -> None:
    key = keys["dvc-bo-tu-phap" if path == "/v1/payments" else "kbnn"]
    for query, field in QUERIES[path]:
        with subtests.test(query=query[:40]):
            demand(client.get(f"{path}?{query}", headers={"Authorization": f"Bearer {key}"}), f"/{field}")


@pytest.mark.parametrize(("path", "portal"), [("/v1/payments/", "dvc-bo-tu-phap"), ("/v1/runs/", "kbnn")])
def test_a_name_of_nothing_is_404(client, keys, path, portal, subtests) -> None:
    for name in (
        "x",
        "%00",
        "%ff%fe",
        "x" * 5000,
        "pay_" + "0" * 32,
        "pay_test_" + "g" * 32,
        "pay_test_" + "%D9%A1" * 32,
        "%2e%2e",
    ):
        with subtests.test(name=name[:20]):
            answer = client.get(path + name, headers={"Authorization": f"Bearer {keys[portal]}"})
            assert (answer.status_code, answer.content_type) == (404, PROBLEM)


def test_any_accept_language_is_answered_in_one_of_two_languages(send, order, subtests) -> None:
    vietnamese = ("", "*", "fr", "en;q=x", "vi;q=0,en;q=0", "\xff", "x" * 10_000, "en;q=" + "9" * 5000)
    for accepted, spoken in (*((each, "vi") for each in vietnamese), ("en-GB,en;q=0.9", "en"), ("EN", "en")):
        with subtests.test(accepted=accepted[:20]):
            answer = send({**order, "currency": "USD"}, **{"Accept-Language": accepted})
            demand(answer, "/currency")
            assert answer.headers["Content-Language"] == spoken


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_mistake_is_named_at_once_in_the_callers_language(send, order, language) -> None:
    body = {**order, "currency": "USD", "lines": [{**LINE, "amount": 1.5}, {**LINE, "fee": 1, "tip": 1}], "colour": "red"}
    answer = send(body, **{"Accept-Language": language})
    found = {each["pointer"]: each["detail"] for each in answer.json["errors"]}
    assert set(found) == {"/currency", "/lines/0/amount", "/lines/1/fee", "/lines/1/tip", "/colour"}
    assert (
        found["/colour"] == {"vi": "Trường không được hỗ trợ; hãy bỏ đi", "en": "This field is not known; leave it out"}[language]
    )
    assert not any("⁞" in detail for detail in found.values())
