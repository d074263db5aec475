package org.loft4j.cli.demo;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.report.HtmlPage;

/** The demo's result as one HTML page that needs no other file. */
final class DemoReport {
    private DemoReport() {}

    /**
     * The page.
     *
     * @param about sentences on what was done
     * @param settings what was run, by name
     * @param chart the learning curves as PNG; null where they could not be drawn
     * @param commands what to do next, ready to paste; none where no run came to its end
     */
    static String html(
            List<String> about,
            List<DemoRun> runs,
            Map<String, String> settings,
            byte @Nullable [] chart,
            List<String> commands) {
        HtmlPage page = new HtmlPage("loft demo");
        about.forEach(page::paragraph);
        page.heading("Test sentences, of rules that no method was trained on")
                .table(DemoTable.HEADINGS, runs.stream().map(DemoTable::row).toList())
                .heading("Learning curves");
        if (chart != null) {
            page.picture(chart, "training loss and validation accuracy over the optimizer steps");
        } else {
            page.paragraph("This Java could not draw the curves; their numbers are in metrics.jsonl of each run.");
        }
        page.heading("What was run").settings(settings);
        if (!commands.isEmpty()) {
            page.heading("Next").lines(commands);
        }
        return page.html();
    }
}
