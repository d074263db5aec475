package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;

/** In processes of their own: Java's log is set up once in each. */
class LogLinesTest {
    /** What a library of ours and another one say, with {@code verbose} as the only word or without. */
    static final class Speaker {
        public static void main(String[] args) {
            LogLines.bind();
            System.Logger ours = System.getLogger("org.loft4j.io.Speaker");
            if (args.length > 0) {
                LogLines.verbose();
            }
            for (String file : List.of("rows.csv", "rows.csv", "more.csv")) {
                ours.log(System.Logger.Level.WARNING, "{0} is odd", file);
            }
            ours.log(System.Logger.Level.WARNING, "cannot be read", new IllegalStateException("full"));
            ours.log(System.Logger.Level.INFO, "as asked for");
            Logger.getLogger("com.example").info("nobody asked");
        }
    }

    private static List<String> said(String... words) throws Exception {
        ProcessBuilder speaker = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Speaker.class.getName());
        speaker.command().addAll(List.of(words));
        Process process = speaker.redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
        return said.lines().toList();
    }

    @Test
    void warningsStandOnALineEachAndAreNotRepeated() throws Exception {
        assertEquals(
                List.of(
                        "loft: warning: rows.csv is odd",
                        "loft: warning: more.csv is odd",
                        "loft: warning: cannot be read (java.lang.IllegalStateException: full)"),
                said());
    }

    @Test
    void theRestOfTheLibrarysLogIsShownOnRequest() throws Exception {
        List<String> said = said("verbose");
        assertEquals(4, said.size(), said.toString());
        assertEquals("loft: info: as asked for", said.get(3));
    }
}
