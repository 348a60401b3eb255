//! Files of settings: what is refused is told with its place, and what is read keeps its own.

use mirrorkeep::model::{Document, Mark};

fn refused(text: &str) -> Vec<String> {
    let problems = Document::parse(text, "f.yaml").unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

fn read(text: &str) -> Document {
    Document::parse(text, "f.yaml").unwrap()
}

#[test]
fn what_is_no_yaml_is_told_with_its_line_and_column() {
    let told = refused("a: 1\nbc: @x\n");
    assert!(told.len() == 1 && told[0].starts_with("f.yaml:2:5: invalid YAML: "), "{told:?}");
    assert_eq!(refused(""), ["f.yaml: the file is empty"]);
    assert_eq!(refused("# only this\n"), ["f.yaml: the file is empty"]);
}

#[test]
fn a_file_nests_so_deep_and_no_deeper() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Document::parse(&nested(32), "f.yaml").is_ok());
    let told = refused(&nested(33));
    assert!(told.len() == 1 && told[0].contains("nested deeper than 32 levels"), "{told:?}");
}

#[test]
fn each_thing_that_is_not_accepted_is_told_once() {
    for (text, expected) in [
        ("a: 1\n---\nb: 1\n---\nc: 1\n", "a second document"),
        ("a: &x [1]\n", "an anchor"),
        ("{?: }\n", "a key that begins with `?`; one in quotes is accepted"),
        ("{?a: 1, b: 2}\n", "a key that begins with `?`; one in quotes is accepted"),
        ("a: &x { b: 1 }\n", "an anchor"),
        ("? { a: 1 }\n: 1\n", "a key that is a list or mapping"),
        ("a: 1\nb: { c: 1, c: 2 }\n", "b.c: the key is given twice, first on line 2"),
    ] {
        let told = refused(text);
        assert_eq!(told.iter().filter(|problem| problem.contains(expected)).count(), 1, "{told:?}");
    }
    // What looks like it is none.
    for text in ["a: |\n  text\nb: >\n  text\n", "a: [[1], { b: [2] }]\n", "- - 1\n  - 2\n", "---\na: 1\n"] {
        assert!(Document::parse(text, "f.yaml").is_ok(), "{text}");
    }
}

#[test]
fn what_is_in_a_file_has_its_path_its_place_and_its_value() {
    let text = "b: 1\na:\n  - [x, y]\n  - { k: é, l: 2 }\n  - z\nlast: text\n";
    let document = read(text);
    assert_eq!(document.text(), text);
    assert_eq!(
        (document.keys(""), document.keys("a[1]")),
        (vec!["b".into(), "a".into(), "last".into()], vec!["k".into(), "l".into()])
    );
    assert!(document.keys("a").is_empty() && document.keys("none").is_empty());
    assert_eq!(
        (document.items("a"), document.items("a[0]"), document.items("none")),
        (Some(3), Some(2), None)
    );
    assert!(document.has("a[1].k") && !document.has("a[3]") && !document.has("a[1].m"));
    for (path, line, column) in [
        ("", 1, 1),
        ("b", 1, 1),
        ("a", 2, 1),
        ("a[0][1]", 3, 9),
        ("a[1].l", 4, 13),
        ("a[2]", 5, 5),
        ("last.deeper[1]", 6, 1),
    ] {
        assert_eq!(document.mark(path), Some(Mark { line, column }), "{path}");
    }
    for (path, value) in [
        ("b", "1"),
        ("a[0][0]", "x"),
        ("a[0][1]", "y"),
        ("a[1].k", "é"),
        ("a[1].l", "2"),
        ("a[2]", "z"),
        ("last", "text"),
    ] {
        assert_eq!(document.read_at::<String>(path).unwrap(), value, "{path}");
    }
    assert_eq!(document.read_at::<Vec<String>>("a[0]").unwrap(), ["x", "y"]);
}

/// A value that is not of its type is told where it stands, not where its piece of the file begins.
#[test]
fn a_value_of_the_wrong_type_is_told_where_it_stands() {
    let document = read("a: 1\nb:\n  c: [1, 2,\n      x]\n");
    let told = |path: &str| document.read_at::<Vec<u32>>(path).unwrap_err()[0].to_string();
    assert!(told("b.c").starts_with("f.yaml:4:7: b.c: "), "{}", told("b.c"));
    assert!(told("b.d").starts_with("f.yaml:2:1: b.d: this entry is missing"), "{}", told("b.d"));
}
