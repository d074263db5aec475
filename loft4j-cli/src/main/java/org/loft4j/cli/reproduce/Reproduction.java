package org.loft4j.cli.reproduce;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.report.HtmlPage;
import org.loft4j.cli.report.Machine;
import org.loft4j.io.AtomicFiles;
import org.loft4j.io.Json;

/** Runs an experiment, prints its tables, and writes its JSON file, its picture and its page. */
public final class Reproduction {
    private final ExperimentName name;
    private final Experiment experiment;
    private final Path output;
    private final PrintWriter out;

    /**
     * @param output directory for the three files
     * @param out gets what a person reads
     */
    public Reproduction(ExperimentName name, Experiment experiment, Path output, PrintWriter out) {
        this.name = name;
        this.experiment = experiment;
        this.output = output;
        this.out = out;
    }

    /** Runs it to its end, and returns what the JSON file says; null if it did not come to its end. */
    public @Nullable Map<String, Object> run() throws IOException {
        long start = System.nanoTime();
        Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
        Findings findings = experiment.run(this::say);
        if (findings == null) {
            return null;
        }
        double seconds = Math.round((System.nanoTime() - start) / 1e8) / 10.0;

        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("experiment", name.word());
        findings.values().forEach((key, value) -> tree.put(key, Json.finite(value)));
        tree.put("settings", findings.settings());
        tree.put("machine", Machine.described());
        tree.put("started", now.toString());
        tree.put("seconds", seconds);

        say("");
        say(findings.title());
        findings.tables().forEach(table -> say("\n" + table.text().stripTrailing()));
        say("");
        findings.notes().forEach(this::say);
        Json.write(output.resolve(name.word() + ".json"), tree);
        byte[] picture = findings.figure().draw(this::say);
        if (picture != null) {
            AtomicFiles.write(output.resolve(name.word() + ".png"), picture);
        }
        Path page = output.resolve(name.word() + ".html");
        AtomicFiles.write(page, html(findings, picture, now, seconds).getBytes(StandardCharsets.UTF_8));
        say("Page, picture and numbers: " + page);
        return tree;
    }

    private static String html(Findings findings, byte @Nullable [] picture, Instant start, double seconds) {
        HtmlPage page = new HtmlPage(findings.title());
        findings.about().forEach(page::paragraph);
        findings.tables().forEach(table -> table.addTo(page));
        findings.notes().forEach(page::paragraph);
        if (picture != null) {
            page.heading("Picture").picture(picture, findings.figure().described());
            page.paragraph("The picture shows the " + findings.figure().described() + ".");
        }
        Map<String, Object> run = new LinkedHashMap<>(findings.settings());
        run.putAll(Machine.described());
        run.put("started", start);
        run.put("seconds", seconds);
        return page.heading("What was run").settings(run).html();
    }

    private void say(String line) {
        out.println(line);
        out.flush();
    }
}
