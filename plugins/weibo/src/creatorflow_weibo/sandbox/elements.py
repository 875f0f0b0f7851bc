"""Provenance of parts of routes: fields, limits and error bodies whose origin differs from the route's own."""

from __future__ import annotations

from creatorflow_testkit.replica import Element, assumed, captured, documented

__all__ = ["ELEMENTS"]

ELEMENTS = (
    Element("get_config", "ok -100 with url when not logged in", captured("§0.7, §2.4")),
    Element("get_config", "HTTP 403 without a weibo Referer", captured("§9 web")),
    Element(
        "spa_config",
        "mblog_statement_list: numbers (setting statement_objects: objects)",
        assumed("§3.2 gives the path, not the shape"),
    ),
    Element("home", "sets XSRF-TOKEN when the request has none", captured("§2.2 step 4")),
    Element("home", "302 with x-login-autologin for a lapsed SUB", captured("§2.3")),
    Element("home", "a fresh XSRF-TOKEN also for strangers", assumed("double-submit needs no login")),
    Element("mobile_config", "data.login, uid, st; ok 1 for strangers too", captured("§2.4")),
    Element("visitor", "a visitor's SUB is no login", captured("§2.1")),
    Element("upload_ac", "answer of variant A: code A00006, data.pics.pic_1", captured("§3.1 A")),
    Element("upload_ac", "answer of variant C: XML, data 100006 when the cookie expired", captured("§3.1 C")),
    Element("upload_ac", "root element and pic_1 element of the XML", assumed("§3.1 names the inner elements only")),
    Element("upload_ac", "negative numbers in data.count and pics.pic_1.ret", captured("§3.1 error numbers")),
    Element("upload_ac", "variant D (base64, cb) answers 403", captured("§3.1 D, §10 row 7")),
    Element("upload_ac", "JPEG, GIF, PNG only (9); at most 20 MB - 1 byte (10)", captured("§4 picture size")),
    Element("upload_ac", "a file without its end mark or size is broken (8)", assumed("meaning of number 8")),
    Element(
        "upload_ac",
        "no Referer and no csrf token needed",
        assumed("§3 lists common headers, no source says what a lack does"),
    ),
    Element("upload_b", "errno positive, same table", captured("§3.1 error numbers")),
    Element(
        "upload_b", "cs, raw_md5, file_size are compared when given (8), uid too (6)", assumed("why else send them")
    ),
    Element("picture", "403 without a weibo Referer", captured("§3.1, §10 row 8")),
    Element("picture", "all sizes hold the uploaded bytes", assumed("simplification of the replica")),
    Element("publish", "403 for a wrong x-xsrf-token", captured("§9 web")),
    Element("publish", "403 for a missing x-xsrf-token (setting missing_xsrf)", assumed("§3 [conflict]")),
    Element("publish", "pic_id as JSON list and as comma list", captured("§3.2")),
    Element("publish", "visible 0, 1, 5, 6, 10; else 20121", captured("§3.2, §9")),
    Element("publish", "mblog_statement 1-4", documented("§0.3, §3.2")),
    Element("publish", "a statement that the account may not choose is refused", assumed("why else is there a list")),
    Element("publish", "ok 0 with msg or message (setting failure_key)", captured("§3.2 Failure")),
    Element(
        "publish", "error_code beside it (setting failure_numbers)", assumed("§12: exact failure bodies are shaky")
    ),
    Element("publish", "wording of refusals", assumed("§3.2 and §9 give key words: 频繁, 内容违规, 请稍后再试")),
    Element("publish", "numbers 20008, 20012, 20016, 20019, 20021, 20031, 20032", documented("§9 Posting")),
    Element("publish", "20032: published, data late", documented("§0.5, §9")),
    Element(
        "publish", "20032 answered with ok 0 and without data", assumed("§9 gives the number for the official API only")
    ),
    Element("publish", "length: 2 ASCII characters count 1, a link as a short link", captured("§4 counting")),
    Element("publish", "2000 units at most (setting text_limit)", captured("§4 text, web")),
    Element("publish", "an account without long text gets 140 units stored", captured("§0.6")),
    Element("publish", "unknown, foreign or old picture ids are refused", assumed("pictures are bound to an upload")),
    Element("publish", "pictures without text get 分享图片", assumed("general knowledge")),
    Element(
        "publish", "review: hidden from others, shown to the owner", assumed("no source describes review on Weibo")
    ),
    Element(
        "publish", "links in text_raw as t.cn links, zero-width characters", captured("§6 recipe: what to normalise")
    ),
    Element("publish", "mid and mblogid, base 62", captured("§6")),
    Element(
        "publish", "created_at like Sat Nov 21 23:30:00 +0800 2026", assumed("general knowledge of the API's dates")
    ),
    Element("show", "20101 in ok 0, or HTTP 404 (setting missing_post); 20112 when hidden", captured("§6")),
    Element("show", "403 without Referer or without any SUB", captured("§6, §10 row 4")),
    Element("show", "longText beside the full text", documented("§1.1 show_batch")),
    Element("longtext", "empty data for a short post", assumed("general knowledge")),
    Element("mymblog", "20 posts a page, since_id {mid}kp{page}", assumed("page size and form of since_id")),
    Element("mymblog", "long posts cut with …全文, isLongText true", assumed("form of the cut text")),
    Element("mymblog", "needs a login", assumed("strangers are not described")),
    Element("mymblog", "new posts may be missing for 1 s to 2 min (faults)", captured("§6")),
    Element("search_profile", "starttime and endtime in seconds, inclusive", captured("§6; inclusiveness assumed")),
    Element("extend", "data.reads_count for own posts", captured("§7")),
    Element("profile_info", "HTTP 400 without uid; 403 without SUB", captured("§2.4")),
    Element("qr_image", "POST refused with 50114017", captured("§2.2, §10 row 16")),
    Element("qr_check", "retcodes 50114001-4, 50114015, 20000000; POST 50114008", captured("§2.2")),
    Element("qr_check", "a code lives 240 seconds", assumed("sources poll at most 240 s")),
    Element("qr_check", "wrong x-csrf-token 403, missing one passes", assumed("§2.2 says: send it on")),
    Element("qr_login", "SUB of several domains after the chain", captured("§2.1")),
    Element("schedule_upload", "schedule_timestamp in milliseconds", captured("§3.3")),
    Element(
        "schedule_upload", "any future time; membership by setting", assumed("§3.3: window and membership unknown")
    ),
    Element("schedule_list", "schedule_at in milliseconds", assumed("§3.3 names the field only")),
    Element("post_page", "markup", assumed("the replica's own")),
    Element(
        "post_page",
        "404 when missing, 200 with 暂无查看权限 when hidden",
        assumed("status codes of the pages are not described"),
    ),
    Element("mobile_page", "$render_data script", assumed("general knowledge")),
    Element("destroy", "20101, 20102", documented("§9 Posting")),
)
