package org.loft4j.export;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;
import org.loft4j.model.Models;

/** What {@link ModelDoctor} says of a directory. */
final class ExaminedModel {
    private ExaminedModel() {}

    static Diagnosis examine(Path model) throws IOException {
        return examine(model, null);
    }

    /** With the token that ends an answer and that no eos_token_id names. */
    static Diagnosis examine(Path model, @Nullable String unnamedEnd) throws IOException {
        return ModelDoctor.examine(model, Models::check, directory -> unnamedEnd, directory -> null);
    }

    static boolean says(Diagnosis diagnosis, Consumer consumer, String word) {
        return diagnosis.of(consumer).stream()
                .anyMatch(finding -> finding.what().contains(word));
    }

    static List<Finding> refusals(Diagnosis diagnosis, Consumer consumer) {
        return diagnosis.of(consumer).stream()
                .filter(finding -> finding.severity() != Severity.NOTE)
                .toList();
    }
}
