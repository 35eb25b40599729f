"""What publishers get wrong, trap by trap, and the test that fails when we do: the list is kept whole by this file.

A value is a test (``room/test_file.py::test_name``) or a golden file (``posts/golden/….in``), below ``tests/``.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
GOLDEN = "posts/golden/plain"

FRONT_MATTER = {
    "keys that the library's constructor has itself": f"{GOLDEN}/key-content-handler-self.md.in",
    "keys that YAML takes for something else than words": f"{GOLDEN}/keys-that-are-no-words.md.in",
    "byte order mark": f"{GOLDEN}/byte-order-mark.md.in",
    "block that ends with dots": f"{GOLDEN}/ends-with-dots.md.in",
    "block without an end": f"{GOLDEN}/no-end.md.in",
    "prose between two rules": f"{GOLDEN}/prose-between-rules.md.in",
    "list as front matter": f"{GOLDEN}/list-as-front-matter.md.in",
    "dashes in a block scalar": f"{GOLDEN}/dashes-in-a-block-scalar.md.in",
    "dashes in a quoted scalar": f"{GOLDEN}/dashes-in-a-quoted-scalar.md.in",
    "dashes with a word": f"{GOLDEN}/end-with-a-word.md.in",
    "second document": f"{GOLDEN}/second-document.md.in",
    "more than three dashes": f"{GOLDEN}/more-than-three-dashes.md.in",
    "CRLF": f"{GOLDEN}/line-ends-crlf.md.in",
    "CR alone": f"{GOLDEN}/line-ends-cr.md.in",
    "blank lines first": f"{GOLDEN}/blank-lines-first.md.in",
    "blank before the dashes": f"{GOLDEN}/indented-opening.md.in",
    "body that begins with indented code": f"{GOLDEN}/body-begins-with-code.md.in",
    "JSON sample in the first line": f"{GOLDEN}/json-sample-first.md.in",
    "TOML": f"{GOLDEN}/toml.md.in",
    "key that stands twice": f"{GOLDEN}/duplicate-keys.md.in",
    "colon in a title": f"{GOLDEN}/colon-in-a-title.md.in",
    "bracket first": f"{GOLDEN}/value-begins-with-a-bracket.md.in",
    "star first": f"{GOLDEN}/value-begins-with-a-star.md.in",
    "at sign first": f"{GOLDEN}/value-begins-with-an-at.md.in",
    "exclamation mark first": f"{GOLDEN}/value-begins-with-a-bang.md.in",
    "tab as indent": f"{GOLDEN}/tab-as-indent.md.in",
    "anchor eaten": f"{GOLDEN}/anchor.md.in",
    "comment eaten": f"{GOLDEN}/comment-in-a-value.md.in",
    "numbers, words of yes and no, base 60, octal, nan": f"{GOLDEN}/numbers-words-and-times.md.in",
    "binary and set": f"{GOLDEN}/binary-and-set.md.in",
    "control character": f"{GOLDEN}/raw-control-character.md.in",
    "escaped control character": f"{GOLDEN}/escaped-control-character.md.in",
    "line separator": f"{GOLDEN}/line-separator.md.in",
    "full-width colon": f"{GOLDEN}/full-width-colon.md.in",
    "no-break space after the colon": f"{GOLDEN}/no-break-space-after-colon.md.in",
    "ideographic space after the colon": f"{GOLDEN}/ideographic-space-after-colon.md.in",
    "nesting that ends the process": "posts/test_yamltext.py::test_nesting_is_bounded_and_cannot_end_the_process",
    "alias bombs": "posts/test_yamltext.py::test_a_million_laughs_are_refused_before_they_are_told",
    "aliases": f"{GOLDEN}/alias.md.in",
    "Shift_JIS": f"{GOLDEN}/shift-jis.md.in",
    "UTF-16": f"{GOLDEN}/utf-16.md.in",
    "invalid UTF-8": f"{GOLDEN}/invalid-utf-8.md.in",
    "huge body": "posts/test_parse.py::test_files_that_are_no_posts",
    "any bytes at all": "posts/test_frontmatter.py::test_no_bytes_make_it_raise_and_it_says_the_same_twice",
    "first line that repeats the title": f"{GOLDEN}/summary-repeats-the-title.md.in",
    "mark of a text generator at the end": f"{GOLDEN}/seed-ends-with-a-mark.md.in",
}
YAML_DATES = {
    "offset without a colon": f"{GOLDEN}/date-as-jekyll-writes-it.md.in",
    "naive time": f"{GOLDEN}/date-naive.md.in",
    "naive time of a site that comes from Jekyll": "dates/test_forms.py::test_a_naive_time_is_of_the_zone_or_of_utc",
    "bare date": f"{GOLDEN}/date-bare.md.in",
    "every other dress": "dates/test_forms.py::test_one_instant_in_every_dress",
    "eight digits": f"{GOLDEN}/date-in-digits.md.in",
    "nine digits of a second": f"{GOLDEN}/date-with-nine-digits-of-a-second.md.in",
    "day that the calendar has not": f"{GOLDEN}/date-that-never-was.md.in",
    "24 hours": f"{GOLDEN}/date-at-24-hours.md.in",
    "leap second": f"{GOLDEN}/date-at-a-leap-second.md.in",
    "year 0": f"{GOLDEN}/date-of-year-0.md.in",
    "offset of a day": f"{GOLDEN}/date-with-an-offset-of-a-day.md.in",
    "parts that today would fill in": f"{GOLDEN}/date-of-one-number.md.in",
    "month or day first": f"{GOLDEN}/date-in-american-order.md.in",
    "abbreviation of several zones": f"{GOLDEN}/date-with-a-zone-abbreviated.md.in",
    "UTC+3, east or west": f"{GOLDEN}/date-with-utc-plus-3.md.in",
    "Japanese date": f"{GOLDEN}/date-in-kanji.md.in",
    "anything else": "dates/test_forms.py::test_what_is_not_in_the_table_is_refused_with_a_hint",
}
ZONES = {
    "local mean time": "dates/test_formats.py::test_a_date_before_the_zone_had_a_standard_time_keeps_its_instant",
    "time that is skipped": "dates/test_walltime.py::test_a_time_that_is_skipped_moves_forward_by_the_gap",
    "time that happens twice": "dates/test_walltime.py::test_a_time_that_happens_twice_is_its_first_occurrence",
    "every transition of every zone": "dates/test_walltime.py::test_every_transition_of_every_zone_from_1970_to_2037",
    "scheduler and feed of one mind": "service/test_timetable.py::test_an_instant_in_another_zone_is_met_and_not_before",
    "periods that daylight saving time repeats": "service/test_timetable.py::test_periods_go_on",
    "midnight that is missing": "dates/test_walltime.py::test_a_bare_date_is_the_first_instant_of_its_day_without_a_warning",
    "day that is missing": "dates/test_walltime.py::test_a_day_that_a_zone_skipped_is_the_first_instant_after_it_with_a_warning",
    "names that are none, and names that look wrong": "dates/test_zones.py::test_names",
    "day of the site in links": "posts/test_parse.py::test_date_tokens_are_in_the_zone_of_the_site",
}
TAXONOMY = {
    "one string, several categories": "posts/test_parse.py::test_categories",
    "directories above _posts": "posts/test_parse.py::test_directories_above_posts_are_categories_in_jekyll",
    "one category, several spellings": "test_taxonomy.py::test_spellings_of_one_category",
    "label that was first": "feeds/test_specs.py::test_titles_are_unique_and_the_label_is_the_first_seen",
    "scripts transliterated, emoji emptied": "test_taxonomy.py::test_slug",
    "C, C++ and C#": "feeds/test_specs.py::test_c_and_its_relatives_get_three_feeds",
    "category that collides later": "test_taxonomy.py::test_the_earlier_name_keeps_its_slug_when_a_later_one_collides",
    "names that climb out": "feeds/test_specs.py::test_raw_names_cannot_leave_their_place",
    "names that are reserved": "feeds/test_specs.py::test_reserved_names_get_a_mark",
    "devices, dots and controls": "test_taxonomy.py::test_slug_of_dangerous_names_is_a_hash",
    "names too long for a file system": "test_taxonomy.py::test_long_names_are_cut_with_a_mark",
    "paths of two kinds that are one": "feeds/test_specs.py::test_two_feeds_never_share_a_path",
    "URL of 255 characters in a ping": "push/test_announce.py::test_no_url_of_a_ping_is_longer_than_its_api_allows",
    "category that is renamed or emptied": "feeds/test_specs.py::test_a_name_is_not_given_to_another_category_when_its_own_is_gone",
    "configured category without a post": "service/test_publish.py::test_a_configured_category_without_posts_has_a_valid_empty_feed",
}
TEXT_AND_FILES = {
    "what XML cannot hold, in every string": "feeds/test_text.py::test_exactly_what_lxml_refuses_is_removed",
    "and it is said": f"{GOLDEN}/characters-that-xml-has-not.md.in",
    "lone surrogates in JSON": "feeds/test_jsonfeed.py::test_what_xml_cannot_hold_is_left_out_here_too",
    "quotation mark in a JSON title": "feeds/test_formats.py::test_whatever_the_text_documents_have_no_errors_and_agree",
    "end of CDATA in content": f"{GOLDEN}/cdata-end.md.in",
    "mark-up and entities in titles": f"{GOLDEN}/title-with-markup.md.in",
    "titles for readers that guess": "feeds/test_lint.py::test_a_warning_is_given_and_nothing_else",
    "excerpt inside a grapheme": f"{GOLDEN}/summary-of-graphemes.md.in",
    "excerpt by words": f"{GOLDEN}/summary-of-words.md.in",
    "excerpt inside a tag or entity": "posts/test_markup_properties.py::test_every_rendered_post_has_a_summary_without_tags",
    "srcset, poster, data-src, cite": f"{GOLDEN}/urls-of-every-attribute.md.in",
    "any relative URL": "posts/test_markup_links.py::test_no_relative_url_is_left",
    "ids of footnotes that meet": f"{GOLDEN}/footnotes.md.in",
    "scripts, handlers, forms, frames": f"{GOLDEN}/what-is-dangerous.md.in",
    "any HTML": "posts/test_markup_properties.py::test_whatever_is_written_the_html_is_safe_and_parses",
    "namespace of Media RSS": "feeds/test_feedgen_defects.py::test_17_one_picture_is_no_group",
    "emphasis beside CJK": f"{GOLDEN}/emphasis-beside-kanji.md.in",
    "ranges struck out": f"{GOLDEN}/range-with-tildes.md.in",
    "leavings of editors": "service/test_scan.py::test_leavings_of_editors_are_no_posts",
    "conflict copies": "service/test_scan.py::test_conflict_copies_are_named",
    "file in two steps": "scenarios/test_quarantine.py::test_the_last_good_version_stays_for_a_while_and_is_said_to",
    "link loops": "service/test_scan.py::test_link_loops_end",
    "links out of the root": "service/test_scan.py::test_links_out_of_the_root_are_not_followed",
    "two paths of one file": "service/test_scan.py::test_two_names_for_one_file_are_one_post",
    "file systems without case": "feeds/test_specs.py::test_paths_that_differ_in_case_alone_are_one",
    "NFD names": "service/test_scan.py::test_names_are_the_same_on_every_system",
    "half a feed": "service/test_output.py::test_nothing_is_seen_before_the_commit_and_nothing_is_left_without_one",
    "feed that does not read back": "service/test_publish.py::test_a_document_that_does_not_read_back_is_never_put_live",
    "one entry that would end a feed": "service/test_publish.py::test_one_entry_that_would_break_a_feed_is_left_out_of_it_and_named",
}
SPECIFICATIONS = {
    "id that changes": "feeds/test_ledger.py::test_what_may_happen_to_a_post_keeps_its_id",
    "id that stands twice": "feeds/test_lint.py::test_equal_ids_are_an_error_of_each_entry",
    "feed without an author": "feeds/test_lint.py::test_atom_needs_an_author_at_the_feed_or_at_each_entry",
    "entry without content or page": "feeds/test_lint.py::test_atom_needs_content_or_a_page",
    "two alternates, white space, lower-case T, dates of no day": "feeds/test_lint.py::test_an_error_is_found",
    "entries out of order": "feeds/test_selection.py::test_order_is_newest_first_then_by_id_whatever_the_order_of_files",
    "one date for many entries, guid that is no URL, HTML in titles, length 0": "feeds/test_lint.py::test_a_warning_is_given_and_nothing_else",
    "author of RSS without an address": "feeds/test_feedgen_defects.py::test_08_authors_without_an_address_reach_rss",
    "description after the content": "feeds/test_feedgen_defects.py::test_10_summary_and_content_do_not_take_each_others_place",
    "enclosures": "feeds/test_feedgen_defects.py::test_09_the_first_enclosure_is_the_one_of_rss",
    "picture of the channel": "feeds/test_golden.py::test_document_is_as_expected_and_has_no_errors",
    "dates of RSS": "dates/test_formats.py::test_both_formats_in_a_zone",
    "names of days in a language": "dates/test_formats.py::test_the_locale_changes_nothing",
    "entries of the future": "service/test_publish.py::test_a_scheduled_post_appears_at_its_instant",
    "JSON Feed": "feeds/test_jsonfeed.py::test_an_item_has_everything_version_1_1_knows",
    "if-none-match before if-modified-since": "web/test_conditional.py::test_status",
    "last-modified that goes back": "store/contract.py::test_last_modified_never_goes_backwards",
    "feed older than its newest entry": "feeds/test_freshness.py::test_it_is_never_older_than_what_the_feed_says",
    "fractions of a second": "feeds/test_feedgen_defects.py::test_02_no_time_but_the_given_ones",
    "hub and self": "feeds/test_links.py::test_a_feed_leads_to_itself_its_hubs_and_its_page",
    "layout of a weblog ping": "push/test_announce.py::test_a_ping_has_the_layout_of_its_endpoint",
    "publish call of a hub": "push/test_announce.py::test_each_hub_hears_of_each_topic_under_both_names",
    "podcast:guid": "feeds/test_assemble.py::test_the_guid_of_a_podcast_is_made_of_its_address",
    "content types": "web/test_conditional.py::test_the_type_for_navigation",
    "delta of a feed": "web/test_delta.py::test_a_delta_holds_what_is_new_or_changed",
}
LISTS: Mapping[str, Mapping[str, str]] = {
    "front matter": FRONT_MATTER,
    "dates of YAML": YAML_DATES,
    "zones": ZONES,
    "taxonomy": TAXONOMY,
    "text and files": TEXT_AND_FILES,
    "specifications": SPECIFICATIONS,
}
FEEDGEN = range(1, 26)
"""Numbers of feedgen's defects."""


@functools.cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("name", LISTS)
def test_every_trap_has_its_test(name: str) -> None:
    missing = []
    for trap, where in LISTS[name].items():
        file, _, function = where.partition("::")
        path = TESTS / file
        if not path.is_file() or (function and function not in functions(path)):
            missing.append((trap, where))
    assert missing == []


def test_every_defect_of_feedgen_has_its_test() -> None:
    names = functions(TESTS / "feeds/test_feedgen_defects.py")
    numbers = {int(number) for name in names for number in re.findall(r"(?<=_)(\d\d)(?=_)", name)}
    assert set(FEEDGEN) - numbers == set()


def test_every_golden_post_is_looked_at() -> None:
    inputs = {path.with_suffix("") for path in (TESTS / "posts/golden").rglob("*.in")}
    assert inputs == {path.with_suffix("") for path in (TESTS / "posts/golden").rglob("*.out")}
