package org.loft4j.cli.report;

import java.util.Base64;
import java.util.List;
import java.util.Map;

/** An HTML page that needs no other file: headings, paragraphs, tables and pictures, one after the other. */
public final class HtmlPage {
    private static final String STYLE = """
            body{font:16px/1.5 system-ui,sans-serif;color:#222;max-width:78rem;margin:2rem auto;padding:0 1rem}
            h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}p{max-width:48rem}
            table{border-collapse:collapse;font-variant-numeric:tabular-nums}
            th,td{padding:.35rem .9rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
            th:first-child,td:first-child{text-align:left}thead th{border-bottom:2px solid #888}
            img{max-width:100%;height:auto}pre{background:#f5f5f5;padding:.8rem;overflow-x:auto}
            .wide{overflow-x:auto}.words td{text-align:left;white-space:normal}.picture{max-width:none}
            """;

    private final StringBuilder html = new StringBuilder();

    /** A page with nothing but its title. */
    public HtmlPage(String title) {
        html.append("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
                .append("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>")
                .append(escape(title))
                .append("</title>\n<style>\n")
                .append(STYLE)
                .append("</style>\n</head>\n<body>\n<h1>")
                .append(escape(title))
                .append("</h1>\n");
    }

    public HtmlPage heading(String text) {
        return element("h2", text);
    }

    public HtmlPage paragraph(String text) {
        return element("p", text);
    }

    /** Lines as they are, ready to paste. */
    public HtmlPage lines(List<String> lines) {
        return element("pre", String.join("\n", lines));
    }

    private HtmlPage element(String name, String text) {
        html.append('<')
                .append(name)
                .append('>')
                .append(escape(text))
                .append("</")
                .append(name)
                .append(">\n");
        return this;
    }

    /** A table of figures: the first column to the left, the others to the right. */
    public HtmlPage table(List<String> headings, List<List<String>> rows) {
        html.append("<div class=\"wide\"><table>\n<thead><tr>");
        headings.forEach(cell -> html.append("<th>").append(escape(cell)).append("</th>"));
        html.append("</tr></thead>\n<tbody>\n");
        for (List<String> row : rows) {
            row(row);
        }
        html.append("</tbody>\n</table></div>\n");
        return this;
    }

    /** Names and what they stand for. */
    public HtmlPage settings(Map<String, ?> settings) {
        html.append("<div class=\"wide words\"><table>\n<tbody>\n");
        settings.forEach((name, value) -> row(List.of(name, String.valueOf(value))));
        html.append("</tbody>\n</table></div>\n");
        return this;
    }

    private void row(List<String> cells) {
        html.append("<tr>");
        cells.forEach(cell -> html.append("<td>").append(escape(cell)).append("</td>"));
        html.append("</tr>\n");
    }

    /**
     * A picture inside the page.
     *
     * @param png a PNG file's bytes
     * @param described what it shows, for those who do not see it
     */
    public HtmlPage picture(byte[] png, String described) {
        html.append("<p class=\"picture\"><img alt=\"")
                .append(escape(described))
                .append("\" src=\"data:image/png;base64,")
                .append(Base64.getEncoder().encodeToString(png))
                .append("\"></p>\n");
        return this;
    }

    /** The whole page. */
    public String html() {
        return html + "</body>\n</html>\n";
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
