"""The store of the browser app in IndexedDB: it has what the store in memory has."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http import Server

pytestmark = pytest.mark.browser

COMPARE = """async () => {
    const assets = document.querySelector("script[type=module]").src.replace("main.js", "");
    const { IdbStore } = await import(`${assets}sync/idb-store.js`);
    const { MemoryStore } = await import(`${assets}sync/memory-store.js`);
    const memory = new MemoryStore();
    let stored = await IdbStore.open("compared");
    let seed = 7;
    const random = (limit) => Math.floor(((seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31) * limit);
    const state = (store) => store.read(async (tx) => {
        const rows = { single: await tx.get("task", "3"), outbox: await tx.getAll("outbox", "a") };
        rows.meta = await tx.getAll("meta");
        for (const type of ["task", "category"]) rows[type] = (await tx.getAll(type)).sort((a, b) => a.id - b.id);
        return JSON.stringify(rows);
    });
    const differences = [];
    for (let round = 1; round <= 150; round++) {
        const changes = Array.from({ length: random(3) ? 250 : 3 }, () => [random(200), random(5)]);
        const fails = random(10) === 0;
        const work = async (tx) => {
            for (const [number, kind] of changes) {
                const type = kind % 2 ? "task" : "category";
                if (kind === 4) tx.delete(type, `${number}`);
                else tx.put(type, { id: `${number}`, version: round, data: { title: `${number} ${round}` } });
            }
            tx.put("outbox", { number: tx.number(), target: "ab"[round % 2] });
            if (fails) throw new RangeError();
        };
        for (const store of [memory, stored]) await store.write(work).catch((error) => { if (!fails) throw error; });
        if (round % 10 === 0) await stored.tidy();
        if (round % 15 === 0) {
            stored.close();
            stored = await IdbStore.open("compared");
        }
        if ((await state(memory)) !== (await state(stored))) differences.push(round);
    }
    const answer = (request) => new Promise((done) => (request.onsuccess = () => done(request.result)));
    const database = await answer(indexedDB.open("compared"));
    const packs = await answer(database.transaction("packs").objectStore("packs").count());
    return { differences, packs, tasks: JSON.parse(await state(stored)).task.length };
}"""


def test_the_store_in_indexeddb_has_the_same_as_the_one_in_memory(chromium: Any, server: Server) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/signin")
    result = page.evaluate(COMPARE)
    context.close()
    assert result["differences"] == []
    assert result["tasks"] > 50
    assert 0 < result["packs"] < 100, "small packs were not made into larger ones"
