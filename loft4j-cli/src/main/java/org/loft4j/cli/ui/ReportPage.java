package org.loft4j.cli.ui;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.loft4j.io.AtomicFiles;

/** The page of runs that are over, as one file that needs no server, no network and no other file. */
public final class ReportPage {
    /** Its name in the directory of a run. */
    public static final String FILE = "report.html";

    private ReportPage() {}

    /** Writes the report of one run into its directory. */
    public static Path write(Path directory) throws IOException {
        Path name = directory.toAbsolutePath().normalize().getFileName();
        Path file = directory.resolve(FILE);
        AtomicFiles.write(file, html("loft: " + name, List.of(directory)).getBytes(StandardCharsets.UTF_8));
        return file;
    }

    /** The page of all runs in or under some directories. */
    static String html(String title, List<Path> directories) throws IOException {
        ReportEvents events = new ReportEvents();
        new Feed(directories, new RunNames()).poll(events);
        return PageFiles.report(title, events.all());
    }
}
