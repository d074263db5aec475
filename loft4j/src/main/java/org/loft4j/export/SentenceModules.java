package org.loft4j.export;

import java.nio.file.Files;
import java.nio.file.Path;
import org.loft4j.export.Diagnosis.Notes;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;

/** Tells of models of sentence embeddings, and of adapters on them. */
final class SentenceModules {
    /** The file by which sentence-transformers knows them. */
    private static final String FILE = "modules.json";

    private SentenceModules() {}

    static boolean exist(Path directory) {
        return Files.isRegularFile(directory.resolve(FILE));
    }

    /** Says who else opens the directory. */
    static void tell(Path directory, Notes notes) {
        // an adapter's checkpoint has no tokenizer, which is looked for there
        if (exist(directory) && Files.exists(directory.resolve("tokenizer.json"))) {
            notes.add(
                    Severity.NOTE,
                    Consumer.PEFT,
                    FILE + ": sentence-transformers opens the directory too, as SentenceTransformer(\"" + directory
                            + "\")",
                    "");
        }
    }
}
