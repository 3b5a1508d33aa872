from functools import partial
import time, uuid, collections
from sqlalchemy import text
from payhub.payments import closing
import pytest, threading

def queued(crowd, hub, payment, acts):
    with hub.db.engine.connect() as holder, holder.begin():
        holder.execute(text("SELECT 1 FROM payment WHERE id = :id FOR NO KEY UPDATE"), {"id": payment})
        result = []
        t = threading.Thread(target=lambda: result.extend(crowd.together(acts)))
        t.start()
        ends = time.monotonic() + 5
        with hub.db.resting.connect() as c:
            while time.monotonic() < ends:
                n = c.scalar(text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"))
                if n >= len(acts): break
                time.sleep(0.002)
    t.join()
    return n, result

def test_starts(crowd, hub, rows):
    none = collections.Counter()
    for _ in range(30):
        p = crowd.payment()
        n, r = queued(crowd, hub, p, [partial(crowd.start, p) for _ in range(16)])
        none[n, r.count(None)] += 1
    print(none)

def test_form(crowd, hub, rows):
    none = collections.Counter()
    for _ in range(30):
        p = crowd.payment(); f = uuid.uuid4()
        n, r = queued(crowd, hub, p, [partial(crowd.start, p, f) for _ in range(8)])
        none[n, len(set(r))] += 1
    print(none)

def test_cb(crowd, hub, rows):
    none = collections.Counter()
    for _ in range(30):
        p = crowd.payment(); m = crowd.message(crowd.start(p))
        n, r = queued(crowd, hub, p, [partial(crowd.call_back, m) for _ in range(8)])
        none[n, tuple(sorted(collections.Counter(r).items()))] += 1
    print(none)

def test_two(crowd, hub, rows):
    none = collections.Counter()
    for _ in range(30):
        p = crowd.payment(); ms = [crowd.message(crowd.start(p)) for _ in range(8)]
        n, r = queued(crowd, hub, p, [partial(crowd.call_back, m) for m in ms])
        none[n, tuple(sorted(collections.Counter(r).items()))] += 1
    print(none)

def test_mixed(crowd, hub, rows, clock):
    none = collections.Counter()
    for _ in range(30):
        p = crowd.payment(); ms = [crowd.message(crowd.start(p)) for _ in range(3)]
        clock.pass_(days=1)
        n, r = queued(crowd, hub, p, [partial(crowd.call_back, m) for m in ms] + [partial(closing.finish, crowd.hub, p)] * 2 + [partial(crowd.start, p)] * 3)
        none[n, tuple(map(str, r))] += 1
    print(none)
