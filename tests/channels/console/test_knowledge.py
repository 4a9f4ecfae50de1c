"""The knowledge workshop over its API: written by one, approved by another, published, and taken back."""

from __future__ import annotations

import io
from typing import Any

import pytest
from openpyxl import load_workbook

from bot.staff import Role
from knowledge_base.uploads.columns import cells_of
from knowledge_base.uploads.records import read_yaml
from knowledge_base.uploads.sheets import write_xlsx
from knowledge_base.written import fingerprint, read_entry, told
from tests.channels.citizen import opened
from tests.channels.console.clerk import Clerk, clerk, entry, work
from tests.channels.console.colleague import Colleague, at_work
from tests.channels.serving import Server

ASKED = "养老保险最低要交多少年"


@pytest.fixture(scope="module")
def hall(serving: Any) -> Server:
    """A server whose knowledge the tests of this file change."""
    served: Server = serving()
    return served


@pytest.fixture
async def editor(hall: Server) -> Clerk:
    return await clerk(hall)


@pytest.fixture
async def reviewer(hall: Server) -> Clerk:
    return await clerk(hall, Role.REVIEWER)


async def live(reviewer: Clerk) -> str:
    versions = (await reviewer.call("GET", "/versions")).json()["versions"]
    return next(v["id"] for v in versions if v["status"] == "live")


async def test_an_entry_is_found_by_what_stands_in_any_of_its_fields(editor: Clerk) -> None:
    await editor.draft(entry("found_me", "找得到我吗", "答案里有鸿雁传书。", variants=["寻寻觅觅可见否"]))
    for words in ("鸿雁传书", "寻寻觅觅", "found_me", "找得到 鸿雁"):
        found = (await editor.call("GET", f"/entries?q={words}")).json()["entries"]
        assert [one["id"] for one in found] == ["found_me"], words
    listed = (await editor.call("GET", "/entries?topic=pension&limit=2")).json()
    following = (await editor.call("GET", f"/entries?topic=pension&limit=2&after={listed['next']}")).json()
    assert len(listed["entries"]) == 2
    assert {one["id"] for one in listed["entries"]} & {one["id"] for one in following["entries"]} == set()


async def test_two_editors_on_one_entry_see_both_texts(editor: Clerk, hall: Server) -> None:
    other = await clerk(hall)
    made = await editor.draft(entry("both_texts", "两个人一起改会怎样"))
    tag = {"If-Match": '"1"'}
    first = await editor.call("PUT", "/entries/both_texts", made | {"answer": {"text": "甲写的。"}}, **tag)
    second = await other.call("PUT", "/entries/both_texts", made | {"answer": {"text": "乙写的。"}}, **tag)
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    problem = second.json()
    assert (second.status_code, problem["code"]) == (412, "changed_meanwhile")
    assert (problem["yours"]["answer"]["text"], problem["current"]["answer"]["text"]) == ("乙写的。", "甲写的。")
    assert problem["changes"][0]["label"] == "答案"
    assert (await other.call("PUT", "/entries/both_texts", made)).status_code == 428


async def test_the_same_entry_sent_twice_is_one_entry_and_another_under_its_name_is_refused(editor: Clerk) -> None:
    first = await editor.draft(entry("sent_twice", "送两遍会怎样"))
    assert (await editor.draft(entry("sent_twice", "送两遍会怎样")))["revision"] == first["revision"]
    refused = await editor.call("POST", "/entries", entry("sent_twice", "另一条"))
    assert (refused.status_code, refused.json()["code"]) == (409, "id_taken")


async def test_what_is_wrong_is_told_by_field_in_plain_words(editor: Clerk) -> None:
    response = await editor.call(
        "POST", "/entries", entry("wrong", "错在哪", checked="昨天", basis=[{"document": "x"}])
    )
    assert response.status_code == 422
    assert {f["label"] for f in response.json()["faults"]} == {"核对日期", "依据"}


async def test_nobody_approves_what_she_wrote_and_a_later_edit_voids_the_approval(
    editor: Clerk, reviewer: Clerk
) -> None:
    made = await reviewer.draft(entry("own_work", "自己审自己行吗"))
    own = await reviewer.approve("own_work")
    assert (own.status_code, own.json()["code"]) == (403, "own_work")
    await editor.change("own_work", answer={"text": "编辑改过。"})
    assert (await reviewer.approve("own_work")).json()["code"] == "own_work"  # her words are still in it
    await editor.draft(entry("voided", "批准以后又改了呢"))
    assert (await reviewer.approve("voided")).json()["state"] == "approved"
    assert (await editor.change("voided", answer={"text": "又改了。"}))["state"] == "draft"
    late = await reviewer.call("POST", "/reviews/voided", {"revision": made["revision"], "decision": "approve"})
    assert late.status_code == 412


async def test_a_rejection_needs_a_reason_and_history_tells_everything(editor: Clerk, reviewer: Clerk) -> None:
    await editor.draft(entry("rejected", "会被退回的条目"))
    no = {"revision": 1, "decision": "reject"}
    assert (await reviewer.call("POST", "/reviews/rejected", no)).json()["code"] == "reason_missing"
    await reviewer.call("POST", "/reviews/rejected", no | {"reason": "缺依据"})
    await editor.change("rejected", answer={"text": "补了依据。"})
    latest, first = (await editor.call("GET", "/entries/rejected/history")).json()["revisions"]
    assert (first["author"], first["review"]["reason"], first["review"]["reviewer"]) == (
        editor.name,
        "缺依据",
        reviewer.name,
    )
    assert [(p["kind"], p["text"]) for p in latest["changes"][0]["pieces"]][-1] == ("same", "。")


async def test_a_clerk_of_one_department_writes_its_topics_only(hall: Server, reviewer: Clerk) -> None:
    medical = await clerk(hall, topics=["medical"])
    refused = await medical.call("POST", "/entries", entry("not_mine", "不归我管的"))
    assert (refused.status_code, refused.json()["code"]) == (403, "not_your_topic")
    await medical.draft(entry("mine", "归我管的", topic="medical.account"))
    narrow = await clerk(hall, Role.REVIEWER, topics=["injury"])
    assert (await narrow.approve("mine")).json()["code"] == "not_your_topic"
    assert (await reviewer.approve("mine")).status_code == 200


async def test_one_change_goes_to_many_entries_and_each_tells_what_became_of_it(editor: Clerk) -> None:
    for name in ("bulk_a", "bulk_b"):
        await editor.draft(entry(name, f"批量改 {name}"))
    body = {"entries": {"bulk_a": 1, "bulk_b": 9, "nobody": 1}, "set": {"valid": {"until": "2027-01-01 00:00"}}}
    told = {one["id"]: one["status"] for one in (await editor.call("POST", "/bulk", body)).json()["entries"]}
    assert told == {"bulk_a": "changed", "bulk_b": "error", "nobody": "error"}
    assert (await editor.call("GET", "/entries/bulk_a")).json()["valid"]["until"].startswith("2027-01-01T00:00")


async def test_the_preview_says_each_channels_words_and_what_is_like_it(editor: Clerk, hall: Server) -> None:
    answer = {"text": "网页的话。", "short": "微信的话。", "spoken": "电话的话。"}
    told = (await editor.call("POST", "/preview", entry("p", f"{ASKED}呢", answer=answer))).json()
    assert {k: v.splitlines()[0] for k, v in told["said"].items()} == {
        "web": "网页的话。", "wechat": "微信的话。", "voice": "电话的话。",
    }  # fmt: skip
    assert any("pension_min_years" in note for note in told["notes"])


async def test_what_is_approved_and_published_answers_and_can_be_taken_back(
    editor: Clerk, reviewer: Clerk, hall: Server
) -> None:
    device = await opened(hall)
    before = await live(reviewer)
    await editor.change("pension_min_years", answer={"text": "改成了新的答复。"})
    assert "改成了" not in (await device.ask(ASKED))["text"]
    assert (await reviewer.approve("pension_min_years")).status_code == 200
    made = await reviewer.built(hall)
    assert (made["status"], made["reasons"]) == ("ready", [])
    assert "pension_min_years" in made["report"]["changes"]["changed"]
    assert [row["text"] for row in made["report"]["replay"]["rows"]] == [ASKED]
    assert (await reviewer.call("POST", f"/versions/{made['id']}/publish")).json()["status"] == "live"
    assert "改成了新的答复" in (await (await opened(hall)).ask(ASKED))["text"]
    assert (await editor.call("GET", "/entries/pension_min_years")).json()["is_live"]

    assert (await reviewer.call("POST", f"/versions/{before}/rollback")).json()["status"] == "live"
    assert "改成了" not in (await (await opened(hall)).ask(ASKED))["text"]
    assert (await editor.call("GET", "/entries/pension_min_years")).json()["state"] == "in_review"


async def test_a_removed_entry_answers_until_its_removal_is_approved_and_published(
    editor: Clerk, reviewer: Clerk, hall: Server
) -> None:
    asked = "企业职工养老金计算公式"
    await editor.draft(entry("to_remove", asked, "很快会删掉的答复。"), submit=True)
    await reviewer.approve("to_remove")
    made = await reviewer.built(hall)
    await reviewer.call("POST", f"/versions/{made['id']}/publish")
    await editor.call("DELETE", "/entries/to_remove")
    made = await reviewer.built(hall)
    assert made["status"] == "live"  # nothing new is approved yet
    await reviewer.approve("to_remove")
    made = await reviewer.built(hall)
    assert made["status"] in ("ready", "retired")  # without it the knowledge may be what it was before
    await reviewer.call("POST", f"/versions/{made['id']}/publish")
    assert "很快会删掉" not in (await (await opened(hall)).ask(asked))["text"]


async def test_a_version_that_fails_a_must_pass_question_needs_two_people_and_reasons(
    editor: Clerk, reviewer: Clerk, hall: Server
) -> None:
    second = await clerk(hall, Role.REVIEWER)
    question = {"text": "火星上怎么参保", "entry": "pension_amount", "must_pass": True}
    kept = (await editor.call("POST", "/regressions", question)).json()
    await editor.draft(entry("gate", "过不了关的条目", "答。"), submit=True)
    await reviewer.approve("gate")
    made = await reviewer.built(hall)
    assert made["status"] == "failed"
    assert "火星上怎么参保" in made["reasons"][0]
    publish = f"/versions/{made['id']}/publish"
    assert (await reviewer.call("POST", publish)).json()["code"] == "gate_failed"
    first = await reviewer.call("POST", publish, {"reason": "领导要求"})
    assert (first.status_code, first.json()["status"]) == (202, "failed")
    assert (await reviewer.call("POST", publish, {"reason": "再来一次"})).json()["code"] == "own_override"
    assert (await second.call("POST", publish, {"reason": "已核实"})).json()["status"] == "live"
    assert (await editor.call("DELETE", f"/regressions/{kept['id']}")).status_code == 403
    assert (await reviewer.call("DELETE", f"/regressions/{kept['id']}")).status_code == 204


async def test_two_entries_that_ask_the_same_keep_a_version_from_being_made(
    editor: Clerk, reviewer: Clerk, hall: Server
) -> None:
    for name in ("same_a", "same_b"):
        await editor.draft(entry(name, "一模一样的问题"))
        await reviewer.approve(name)
    made = await reviewer.built(hall)
    assert made["status"] == "failed"
    assert "same_b" in made["reasons"][0]
    refused = await reviewer.call("POST", f"/versions/{made['id']}/publish", {"reason": "硬发"})
    assert refused.json()["code"] == "not_ready"
    await editor.change("same_b", question="不一样的问题")
    assert (await reviewer.approve("same_b")).status_code == 200


async def test_a_trial_is_the_live_path_with_its_reasons_on_any_version(
    editor: Clerk, reviewer: Clerk, hall: Server
) -> None:
    device = await opened(hall)
    for asked in (ASKED, "今天会下雨吗", "养老金怎么算出来的"):
        answered = await device.ask(asked)
        tried = (await editor.call("POST", "/try", {"text": asked})).json()
        assert tried["text"] == answered["text"]
    assert set(tried["candidates"][0]["arms"]) == {"lexical", "dense", "phonetic", "topic"}
    assert tried["nlu"]["engine"] == "local"
    assert tried["rule"] == tried["because"]
    other = next(
        v["id"] for v in (await reviewer.call("GET", "/versions")).json()["versions"] if v["status"] == "retired"
    )
    assert (await editor.call("POST", "/try", {"text": ASKED, "version": other})).json()["version"] == other
    assert (await editor.call("POST", "/try", {"text": ASKED, "version": "nobody"})).status_code == 404


GOOD = [entry(f"up_{n}", f"上传的第 {n} 个问题") for n in range(20)]


def sheet(*records: dict[str, Any], **broken: str) -> bytes:
    return write_xlsx([cells_of(record) | (broken if n == 0 else {}) for n, record in enumerate(records)])


async def test_a_sheet_is_tried_dry_then_taken_in_once_and_its_errors_come_back_to_be_mended(
    editor: Clerk, hall: Server
) -> None:
    bad = [entry("bad_1", "坏一", checked="昨天"), entry("bad_2", "坏二", topic="nowhere"), entry("bad_3", ASKED)]
    content = sheet(*GOOD, *bad)
    dry = await editor.upload("表.xlsx", content, dry_run=True)
    work(hall)
    report = await editor.report(dry)
    assert (report["status"], report["counts"]) == ("done", {"new": 20, "error": 3})
    assert (await editor.call("GET", "/entries/up_1")).status_code == 404

    job = await editor.upload("表.xlsx", content)
    work(hall)
    messages = {row["row"]: row["message"] for row in (await editor.report(job))["rows"] if row["status"] == "error"}
    assert messages[22] == "核对日期：日期要写成 2026-01-31"
    assert messages[23] == "主题：没有“nowhere”这个主题"
    assert "和条目 pension_min_years 重复" in messages[24]
    mended = load_workbook(io.BytesIO((await editor.call("GET", f"/imports/{job}/errors")).content)).active
    assert mended is not None
    assert [row[0].value for row in mended.iter_rows(min_row=2)] == ["bad_1", "bad_2", "bad_3"]

    again = await editor.upload("表.xlsx", content)
    work(hall)
    assert (await editor.report(again))["counts"] == {"same": 20, "error": 3}
    kept = (await editor.call("GET", "/entries/up_1")).json()
    assert (kept["state"], kept["revision"], kept["author"]) == ("in_review", 1, editor.name)


async def test_an_import_that_was_cut_off_goes_on_where_it_ended(editor: Clerk, hall: Server) -> None:
    from sqlalchemy import delete, func, select, update

    from bot.tables_knowledge import jobs, upload_rows, uploads

    many = [entry(f"many_{n}", f"许多行里的第 {n} 行") for n in range(450)]
    content = sheet(*many)
    job = await editor.upload("many.xlsx", content)
    work(hall)
    hall.change(delete(upload_rows).where(upload_rows.c.job == job, upload_rows.c.number >= 400))
    hall.change(uploads.insert().values(job=job, content=content))
    hall.change(update(jobs).where(jobs.c.id == job).values(state="running", leased_until=0))
    work(hall)
    [(count,)] = hall.rows(select(func.count()).select_from(upload_rows).where(upload_rows.c.job == job))
    assert count == 450
    assert (await editor.report(job))["counts"] == {"new": 400, "same": 50}


async def test_a_file_that_may_hurt_is_refused_as_a_whole_with_a_sentence(editor: Clerk, hall: Server) -> None:
    job = await editor.upload("坏.xlsx", b"\xd0\xcf\x11\xe0" + bytes(600))
    work(hall)
    report = await editor.report(job)
    assert report["status"] == "failed"
    assert "旧格式或加了密码" in report["reason"]


async def test_a_policy_document_becomes_proposals_that_wait_for_review(editor: Clerk, hall: Server) -> None:
    from docx import Document

    made = Document()
    for text in (
        "养老保险试行规定",
        "第一条 参保人累计缴费满十五年可以领取养老金。",
        "第二条 本规定自2026年1月1日起施行。",
    ):
        made.add_paragraph(text)
    buffer = io.BytesIO()
    made.save(buffer)
    job = await editor.upload("规定.docx", buffer.getvalue())
    work(hall)
    first = (await editor.report(job))["rows"][0]
    draft = (await editor.call("GET", f"/entries/{first['entry']}")).json()
    assert (draft["state"], draft["pointer"]["paragraph"], draft["is_live"]) == ("in_review", 2, False)
    assert draft["topic"].startswith("pension")


async def test_an_export_comes_back_to_the_same_hash(editor: Clerk) -> None:
    written = (await editor.call("GET", "/export?format=yaml")).content
    records = [found[0] for found in read_yaml(written) if isinstance(found, tuple)]
    table = load_workbook(io.BytesIO((await editor.call("GET", "/export?format=xlsx")).content)).active
    assert table is not None
    assert fingerprint([told(read_entry(r)) for r in records]) == fingerprint(records)
    assert table.max_row == len(records) + 1


async def test_a_repealed_document_sends_all_that_cites_it_to_review(editor: Clerk, reviewer: Clerk) -> None:
    basis = [{"document": "旧的试验办法", "article": "第三条", "effective": "2020-01-01"}]
    await editor.draft(entry("cites", "引用旧办法的条目", basis=basis))
    await editor.draft(entry("mentions", "答案里提到旧办法", "按《旧的试验办法》办理。"))
    await reviewer.approve("cites")
    listed = (await editor.call("GET", "/documents")).json()["documents"]
    assert [c["id"] for d in listed if d["name"] == "旧的试验办法" for c in d["cited"]] == ["cites"]
    marked = {"document": "《旧的试验办法》", "status": "repealed", "note": "2026 年废止"}
    told = (await editor.call("POST", "/documents/mark", marked)).json()
    assert sorted(told["sent"]) == ["cites", "mentions"]
    sent = (await editor.call("GET", "/entries/cites")).json()
    assert (sent["state"], "已废止" in sent["note"]) == ("in_review", True)


async def test_what_ends_soon_is_told_and_what_answers_quote_is_listed(editor: Clerk) -> None:
    await editor.draft(entry("ending", "快到期的条目", "打 0571-12345678 问。", valid={"until": "2020-01-01"}))
    alerts = (await editor.call("GET", "/alerts")).json()["alerts"]
    assert ("ending", 0) in [(a["id"], a["within"]) for a in alerts]
    assert (await editor.call("GET", "/watch")).json()["phone"]["0571-12345678"] == ["ending"]


async def test_every_change_is_in_the_audit_log(hall: Server, editor: Clerk) -> None:
    await editor.draft(entry("audited", "留痕的条目"))
    auditor: Colleague = await at_work(hall, Role.AUDITOR)
    rows = (await auditor.call("GET", "/api/v1/audit?limit=5")).json()
    assert ("draft_saved", "audited", editor.name) in [(r["action"], r["subject"], r["actor"]) for r in rows["rows"]]
