//! Findings as JUnit XML, which CI servers show as failed tests: one suite for each code, one case for each path.

use crate::decide::check::{Code, Finding, Severity};
use crate::render::findings::meaning;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// Returns findings as a JUnit report; a code without findings is one case that passed.
pub fn junit(found: &[Finding]) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("mirrorkeep check");
    for code in Code::ALL.iter().copied() {
        let mut suite = TestSuite::new(code.as_str());
        for one in found.iter().filter(|one| one.code == code) {
            suite.add_test_case(case(one));
        }
        if suite.test_cases.is_empty() {
            suite.add_test_case(TestCase::new("all", TestCaseStatus::success()));
        }
        report.add_test_suite(suite);
    }
    report.to_string()
}

fn case(found: &Finding) -> TestCase {
    let text = format!("found {}, expected {}; {}", found.found, found.expected, found.hint);
    // A note is not a failure: the command succeeds if there is nothing worse.
    if found.severity == Severity::Note {
        let mut case = TestCase::new(&*found.path, TestCaseStatus::success());
        case.set_system_out(text);
        return case;
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(meaning(found)).set_type(found.severity.to_string()).set_description(text);
    TestCase::new(&*found.path, status)
}
