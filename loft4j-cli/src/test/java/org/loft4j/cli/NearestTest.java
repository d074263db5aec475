package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.cli.AskedTexts.Asked;
import org.loft4j.data.Origin;

class NearestTest {
    private static void add(Nearest nearest, String names, double... degrees) {
        List<Asked> texts = new ArrayList<>();
        List<float[]> vectors = new ArrayList<>();
        for (int i = 0; i < degrees.length; i++) {
            texts.add(new Asked(names.substring(i, i + 1), null, new Origin(Path.of("rows"), i + 1)));
            double angle = Math.toRadians(degrees[i]);
            vectors.add(new float[] {(float) Math.cos(angle), (float) Math.sin(angle)});
        }
        nearest.add(texts, vectors);
    }

    private static String told(Nearest nearest) throws IOException {
        StringWriter told = new StringWriter();
        try (PrintWriter out = new PrintWriter(told)) {
            Nearest.print(List.of(nearest), out, false);
        }
        return told.toString().replaceAll("-?[0-9.]+\t", "").replaceAll("\\R", "");
    }

    /** Texts that are written twice have the same vector: the earlier one is kept, and stands first. */
    @Test
    void ofTextsThatAreAsNearTheFirstOnesAreTold() throws IOException {
        Nearest nearest = new Nearest("q", new float[] {2, 0}, 4);
        add(nearest, "abcd", 90, 30, 60, 30);
        add(nearest, "efgh", 30, 30, 0, 60);
        assertEquals("gbde", told(nearest));
    }

    @Test
    void fewerTextsThanAreAskedForAreAllTold() throws IOException {
        Nearest nearest = new Nearest("q", new float[] {0, 1}, 9);
        add(nearest, "ab", 180, 100);
        assertEquals("ba", told(nearest));
    }
}
