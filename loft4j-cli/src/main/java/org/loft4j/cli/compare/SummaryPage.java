package org.loft4j.cli.compare;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.loft4j.cli.report.HtmlPage;

/** A summary as one HTML page that needs no other file. */
final class SummaryPage {
    private SummaryPage() {}

    /** @param pictures PNG files' bytes, by what they show */
    static String html(Summary summary, Map<String, byte[]> pictures) {
        HtmlPage page = new HtmlPage("Comparison by " + Metric.title(summary.metric()))
                .table(
                        SummaryTable.headings(summary),
                        summary.standings().stream()
                                .map(standing -> SummaryTable.row(standing, summary))
                                .toList());
        SummaryTable.footnotes(summary).forEach(page::paragraph);
        pictures.forEach(
                (described, png) -> page.heading(Character.toUpperCase(described.charAt(0)) + described.substring(1))
                        .picture(png, described));
        page.heading("All runs")
                .table(
                        List.of(
                                "run",
                                "validation",
                                summary.judged(),
                                summary.judged() + " " + Metric.heading(summary.otherMetric()),
                                "seconds"),
                        runs(summary));
        return page.heading("What all runs had in common")
                .settings(common(summary))
                .html();
    }

    private static List<List<String>> runs(Summary summary) {
        String metric = summary.metric();
        return summary.results().stream()
                .map(run -> List.of(
                        run.trial().title() + (run.failure() == null ? "" : ": " + run.failure()),
                        Metric.text(metric, run.validation(metric)),
                        Metric.text(metric, run.test(metric)),
                        Metric.text(summary.otherMetric(), run.test(summary.otherMetric())),
                        Metric.number("%.1f", run.cost().seconds())))
                .toList();
    }

    /** Settings and machine, as far as they agree; where the machine differs, each of its values. */
    private static Map<String, Object> common(Summary summary) {
        Map<String, Set<Object>> settings = new LinkedHashMap<>();
        Map<String, Set<Object>> machine = new LinkedHashMap<>();
        for (TrialResult run : summary.results()) {
            run.settings().forEach((name, value) -> put(settings, name, value));
            run.machine().forEach((name, value) -> put(machine, name, value));
        }
        settings.values().removeIf(values -> values.size() > 1);
        Map<String, Object> common = new LinkedHashMap<>();
        settings.forEach((name, values) -> common.put(name, values.iterator().next()));
        machine.forEach((name, values) -> common.put(
                name, String.join("; ", values.stream().map(String::valueOf).toList())));
        return common;
    }

    private static void put(Map<String, Set<Object>> values, String name, Object value) {
        values.computeIfAbsent(name, key -> new LinkedHashSet<>()).add(value);
    }
}
