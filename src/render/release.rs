//! Findings in requests of releases as JUnit XML: one suite for each rule, one case for each finding.

use crate::decide::release::{Finding, Rule};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

/// Returns findings as a JUnit report; a rule without findings is one case that passed.
pub fn release_junit(found: &[Finding]) -> Result<String, SerializeError> {
    let mut report = Report::new("mirrorkeep release check");
    for rule in Rule::ALL {
        let mut suite = TestSuite::new(rule.as_str());
        for one in found.iter().filter(|one| one.rule == rule) {
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
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status
        .set_message(&*found.message)
        .set_type(found.rule.as_str())
        .set_description(format!("{found}; {}", found.hint));
    let line = found.line.map(|line| format!(":{line}")).unwrap_or_default();
    TestCase::new(format!("{}{line}", found.file), status)
}
