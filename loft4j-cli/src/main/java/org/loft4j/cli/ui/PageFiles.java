package org.loft4j.cli.ui;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.loft4j.io.Json;

/** The files of the page, all from the class path: the modules, the style, and uPlot from its webjar. */
final class PageFiles {
    /** The modules by the names under which they import each other. */
    private static final List<String> MODULES = List.of(
            "format", "store", "answers", "curves", "heatmap", "layers", "runs", "samples", "page", "live", "report");

    private static final String WEBJAR = "/META-INF/resources/webjars/uplot/1.6.30/";

    private static final Pattern PLACE = Pattern.compile("\\{\\{(title|head)}}");

    private PageFiles() {}

    /**
     * A file as it is served.
     *
     * @param type its media type
     */
    record Served(byte[] content, String type) {}

    /** Everything but the page itself, by path. */
    static Map<String, Served> served() throws IOException {
        Map<String, Served> served = new LinkedHashMap<>();
        for (String module : MODULES) {
            served.put("/page/" + module + ".js", new Served(module(module), "text/javascript; charset=utf-8"));
        }
        served.put("/page/page.css", new Served(style(), "text/css; charset=utf-8"));
        served.put("/page/uplot.css", new Served(read(WEBJAR + "dist/uPlot.min.css"), "text/css; charset=utf-8"));
        served.put("/page/uplot.js", new Served(uplot(), "text/javascript; charset=utf-8"));
        served.put("/page/uplot-license.txt", new Served(read(WEBJAR + "LICENSE"), "text/plain; charset=utf-8"));
        return served;
    }

    /** The live page. Its only inline script is the map of the modules, which needs the nonce. */
    static String live(String nonce) throws IOException {
        Map<String, String> imports = new LinkedHashMap<>();
        MODULES.forEach(module -> imports.put("loft/" + module, "/page/" + module + ".js"));
        return page(
                "loft",
                "<link rel=\"stylesheet\" href=\"/page/uplot.css\">\n<link rel=\"stylesheet\" href=\"/page/page.css\">\n"
                        + "<script src=\"/page/uplot.js\"></script>\n"
                        + "<script type=\"importmap\" nonce=\"" + nonce + "\">" + importMap(imports) + "</script>\n"
                        + "<script type=\"module\" src=\"/page/live.js\"></script>");
    }

    /** The same page with everything inside, data included; a policy in its head forbids it any request. */
    static String report(String title, List<UiEvent> events) throws IOException {
        Map<String, String> imports = new LinkedHashMap<>();
        for (String module : MODULES) {
            imports.put(
                    "loft/" + module,
                    "data:text/javascript;base64," + Base64.getEncoder().encodeToString(module(module)));
        }
        List<String> data = new ArrayList<>();
        for (UiEvent event : events) {
            data.add("[\"" + event.name() + "\"," + event.data() + "]");
        }
        return page(
                title,
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline' data:;"
                        + " style-src 'unsafe-inline'; img-src data:\">\n"
                        + "<style>" + text(read(WEBJAR + "dist/uPlot.min.css")) + "</style>\n"
                        + "<style>" + text(style()) + "</style>\n"
                        + "<script>/* uPlot, MIT license: " + oneLine(read(WEBJAR + "LICENSE")) + " */\n"
                        + text(uplot())
                        + "</script>\n"
                        + "<script type=\"application/json\" id=\"events\">"
                        // inside a script element only "<" could end it
                        + ("[" + String.join(",", data) + "]").replace("<", "\\u003c")
                        + "</script>\n"
                        + "<script type=\"importmap\">" + importMap(imports) + "</script>\n"
                        + "<script type=\"module\">import \"loft/report\";</script>");
    }

    private static String page(String title, String head) throws IOException {
        Map<String, String> parts = Map.of("title", title.replace("&", "&amp;").replace("<", "&lt;"), "head", head);
        // at once: a title may look like a place for the head
        return PLACE.matcher(text(read("index.html")))
                .replaceAll(place -> Matcher.quoteReplacement(parts.get(place.group(1))));
    }

    private static String importMap(Map<String, String> imports) throws IOException {
        return Json.text(Map.of("imports", imports));
    }

    private static byte[] module(String name) throws IOException {
        return read(name + ".js");
    }

    private static byte[] style() throws IOException {
        return read("page.css");
    }

    private static byte[] uplot() throws IOException {
        return read(WEBJAR + "dist/uPlot.iife.min.js");
    }

    private static String oneLine(byte[] license) {
        return text(license).replaceAll("\\s+", " ").strip();
    }

    private static String text(byte[] content) {
        return new String(content, StandardCharsets.UTF_8);
    }

    private static byte[] read(String resource) throws IOException {
        try (InputStream in = PageFiles.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IOException(resource + " is not on the class path: build loft4j-cli again");
            }
            return in.readAllBytes();
        }
    }
}
