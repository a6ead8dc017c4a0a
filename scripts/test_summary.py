#!/usr/bin/env python3
"""Counts what ctest ran: one JUnit file per ctest run, and beside it GoogleTest's XML per program.

A GoogleTest program counts by its cases, any other test as one. A program that fails without saying
which case (a crash, a time-out, a sanitizer's report at exit) counts as one failure more.

usage: test_summary.py FOLDER...   each with ctest.xml and gtest/*.xml
Prints what failed and why tests were skipped, last a line "N passed, N failed, N skipped".
Exit 1 when something failed or a folder holds no results.
"""
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def gtest_cases(path):
    """Of a GoogleTest report: passed, [failed names], [(skipped name, why)]."""
    passed, failed, skipped = 0, [], []
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return 0, [], []
    for case in root.iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        if case.find("failure") is not None:
            failed.append(name)
        elif case.find("skipped") is not None:
            skipped.append((name, case.find("skipped").get("message", "").strip()))
        elif case.get("status") == "run":
            passed += 1
    return passed, failed, skipped


def count(folder):
    """Of one ctest run: passed, [failed names], [(skipped name, why)]."""
    try:
        root = ElementTree.parse(folder / "ctest.xml").getroot()
    except (OSError, ElementTree.ParseError):
        return 0, ["ctest gave no results"], []
    passed, failed, skipped = 0, [], []
    for test in root.iter("testcase"):
        name, status = test.get("name"), test.get("status")
        report = folder / "gtest" / f"{name}.xml"
        if report.exists():
            case_passed, case_failed, case_skipped = gtest_cases(report)
            passed += case_passed
            failed += [f"{name}: {case}" for case in case_failed]
            skipped += case_skipped
            if status == "fail" and not case_failed:
                failed.append(f"{name} (crashed, timed out, or a sanitizer's report)")
        elif status == "run":
            passed += 1
        elif status in ("notrun", "disabled"):
            skipped.append((name, (test.findtext("system-out") or "").strip() or "not run"))
        else:
            failed.append(name)
    return passed, failed, skipped


def main():
    passed_total, failed_total, skipped_total = 0, 0, 0
    for argument in sys.argv[1:]:
        folder = pathlib.Path(argument)
        passed, failed, skipped = count(folder)
        passed_total += passed
        failed_total += len(failed)
        skipped_total += len(skipped)
        for name in failed:
            print(f"FAILED   {folder.name}: {name}")
        for name, why in skipped:
            print(f"skipped  {folder.name}: {name}{': ' + why.splitlines()[-1] if why else ''}")
    print(f"{passed_total} passed, {failed_total} failed, {skipped_total} skipped")
    return 1 if failed_total else 0


if __name__ == "__main__":
    sys.exit(main())
