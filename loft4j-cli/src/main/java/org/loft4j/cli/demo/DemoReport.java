package org.loft4j.cli.demo;

import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The demo's result as one HTML page that needs no other file. */
final class DemoReport {
    private static final String STYLE = """
            body{font:16px/1.5 system-ui,sans-serif;color:#222;max-width:64rem;margin:2rem auto;padding:0 1rem}
            h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}
            table{border-collapse:collapse;font-variant-numeric:tabular-nums}
            th,td{padding:.35rem .9rem;border-bottom:1px solid #ddd;text-align:right}
            th:first-child,td:first-child{text-align:left}thead th{border-bottom:2px solid #888}
            img{max-width:100%;height:auto}pre{background:#f5f5f5;padding:.8rem;overflow-x:auto}
            .wide{overflow-x:auto}
            """;

    private DemoReport() {}

    /**
     * The page.
     *
     * @param about sentences on what was done
     * @param settings what was run, by name
     * @param chart the learning curves as PNG; null where they could not be drawn
     * @param commands what to do next, ready to paste
     */
    static String html(
            List<String> about,
            List<DemoRun> runs,
            Map<String, String> settings,
            byte @Nullable [] chart,
            List<String> commands) {
        StringBuilder html = new StringBuilder(
                        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
                .append("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n")
                .append("<title>loft demo</title>\n<style>\n")
                .append(STYLE)
                .append("</style>\n</head>\n<body>\n<h1>loft demo</h1>\n");
        for (String sentence : about) {
            html.append("<p>").append(escape(sentence)).append("</p>\n");
        }
        html.append(
                "<h2>Test sentences, of rules that no method was trained on</h2>\n<div class=\"wide\"><table>\n<thead><tr>");
        DemoTable.HEADINGS.forEach(
                cell -> html.append("<th>").append(escape(cell)).append("</th>"));
        html.append("</tr></thead>\n<tbody>\n");
        for (DemoRun run : runs) {
            html.append("<tr>");
            DemoTable.row(run)
                    .forEach(cell -> html.append("<td>").append(escape(cell)).append("</td>"));
            html.append("</tr>\n");
        }
        html.append("</tbody>\n</table></div>\n<h2>Learning curves</h2>\n");
        if (chart != null) {
            html.append(
                            "<p><img alt=\"training loss and validation accuracy over the optimizer steps\" src=\"data:image/png;base64,")
                    .append(Base64.getEncoder().encodeToString(chart))
                    .append("\"></p>\n");
        } else {
            html.append(
                    "<p>This Java could not draw the curves; their numbers are in metrics.jsonl of each run.</p>\n");
        }
        html.append("<h2>What was run</h2>\n<div class=\"wide\"><table>\n<tbody>\n");
        settings.forEach((name, value) -> html.append("<tr><td>")
                .append(escape(name))
                .append("</td><td>")
                .append(escape(value))
                .append("</td></tr>\n"));
        html.append("</tbody>\n</table></div>\n<h2>Next</h2>\n<pre>")
                .append(escape(String.join("\n", commands)))
                .append("</pre>\n</body>\n</html>\n");
        return html.toString();
    }

    static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
