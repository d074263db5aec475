package org.loft4j.export;

import java.nio.file.Files;
import java.nio.file.Path;
import org.loft4j.CheckpointException;
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

    /** Whether a model makes vectors of texts; of published ones many name the class of a language model. */
    static boolean makeVectors(Path directory, TextConfig config) {
        return config.architecture().makesVectors() || exist(directory);
    }

    /**
     * Refuses vectors that llama.cpp does not compute, and a model of which nothing says how it makes them. One that may write texts is
     * exported as a language model where that is asked for.
     */
    static void require(TextConfig config, GgufModel.Options options) throws CheckpointException {
        PooledVectors vectors = options.vectors();
        if (vectors != null) {
            vectors.requireComputed(config);
        } else if (makeVectors(options.directory(), config) && !config.writes()) {
            throw new CheckpointException(
                    options.directory(),
                    "is for sentence embeddings, and nothing says how it makes a vector of a text's tokens: there is no "
                            + FILE + " beside it; 'loft download --update' gets the one of a model on the hub");
        }
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
