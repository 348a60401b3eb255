//! Metrics in the text format `OpenMetrics`, which is also the older format of Prometheus: all are gauges.

use crate::model::shown;
use crate::ops::metrics::{Family, Sample};

/// Returns the text of metrics.
pub fn openmetrics(families: &[Family]) -> String {
    let mut text = String::new();
    for Family { name, help, unit, samples } in families {
        text += &format!("# TYPE {name} gauge\n");
        if let Some(unit) = unit {
            text += &format!("# UNIT {name} {unit}\n");
        }
        text += &format!("# HELP {name} {}\n", escaped(help));
        for Sample { labels, value } in samples {
            let labels: Vec<String> = labels
                .iter()
                .map(|(label, value)| format!("{label}=\"{}\"", escaped(&plain(value))))
                .collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            text += &format!("{name}{labels} {value}\n");
        }
    }
    text + "# EOF\n"
}

/// Returns a text that shows every character and stays unique: its own backslashes are doubled.
fn plain(text: &str) -> String {
    shown(&text.replace('\\', "\\\\")).into_owned()
}

/// Returns a text that cannot end a value or a line.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_end_no_value() {
        let sample = |stream: &str, value| Sample { labels: [("stream", stream.to_owned())].into(), value };
        let samples = vec![sample("a\"} 1\n# EOF \\ \u{1b}", -3), Sample { labels: [].into(), value: 7 }];
        let family = Family { name: "mirrorkeep_bytes", help: "Bytes.", unit: Some("bytes"), samples };
        assert_eq!(
            openmetrics(&[family]),
            "# TYPE mirrorkeep_bytes gauge\n# UNIT mirrorkeep_bytes bytes\n# HELP mirrorkeep_bytes Bytes.\n\
             mirrorkeep_bytes{stream=\"a\\\"} 1\\\\n# EOF \\\\\\\\ \\\\u{1b}\"} -3\nmirrorkeep_bytes 7\n# EOF\n"
        );
    }
}
