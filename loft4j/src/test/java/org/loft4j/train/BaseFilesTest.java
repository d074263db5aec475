package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BaseFilesTest {
    @TempDir
    Path directory;

    private Path weights;

    @BeforeEach
    void aModel() throws IOException {
        weights = directory.resolve("model.safetensors");
        Files.writeString(directory.resolve("config.json"), "{}");
        Files.writeString(directory.resolve("tokenizer.json"), "{}");
        Files.writeString(directory.resolve("notes.txt"), "of no meaning");
        try (RandomAccessFile file = new RandomAccessFile(weights.toFile(), "rw")) {
            file.setLength(40L << 20);
        }
    }

    private void change(long position) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(weights.toFile(), "rw")) {
            file.seek(position);
            file.write(1);
        }
    }

    @Test
    void theSameFilesHaveTheSameFingerprint() throws IOException {
        BaseFiles before = BaseFiles.of(directory);
        assertEquals(BaseFiles.of(directory).fingerprint(), before.fingerprint());
        Files.writeString(directory.resolve("notes.txt"), "other notes");
        assertEquals(List.of(), before.changes());
    }

    @Test
    void weightsThatTheModelIsNotReadFromDoNotCount() throws IOException {
        BaseFiles before = BaseFiles.of(directory);
        Files.writeString(directory.resolve("adapter_model.safetensors"), "of a run in the same directory");
        Files.writeString(directory.resolve("consolidated.safetensors"), "the same in another form");
        assertEquals(before.fingerprint(), BaseFiles.of(directory).fingerprint());
        Files.writeString(directory.resolve("model-00002-of-00002.safetensors"), "a part");
        assertNotEquals(before.fingerprint(), BaseFiles.of(directory).fingerprint());
    }

    @Test
    void anAdapterOfOtherWeightsIsKnownByWhatItsTrainingLeft() throws IOException {
        Path adapter = Files.createDirectory(directory.resolve("adapter"));
        assertFalse(BaseFiles.areOthers(adapter, directory));
        Path state = adapter.resolve("trainer_state.json");
        Files.writeString(
                state,
                "{\"plan\": {\"base_model\": \""
                        + BaseFiles.of(directory).fingerprint().replace("model.safetensors", "x.safetensors") + "\"}}");
        Files.writeString(directory.resolve("config.json"), "{ }");
        assertFalse(BaseFiles.areOthers(adapter, directory));
        change(0);
        assertTrue(BaseFiles.areOthers(adapter, directory));
        Files.delete(weights);
        assertFalse(BaseFiles.areOthers(adapter, directory));
        aModel();
        for (String ofOthers : new String[] {"{\"log_history\": []}", "{\"plan\": {}}", "{"}) {
            Files.writeString(state, ofOthers);
            assertFalse(BaseFiles.areOthers(adapter, directory));
        }
    }

    @Test
    void layersBehindThePoolingCount() throws IOException {
        Path dense = Files.createDirectories(directory.resolve("2_Dense")).resolve("model.safetensors");
        Files.writeString(dense, "numbers");
        BaseFiles before = BaseFiles.of(directory);
        Files.writeString(dense, "others");
        assertNotEquals(before.fingerprint(), BaseFiles.of(directory).fingerprint());
        assertEquals(List.of("2_Dense/model.safetensors has other content"), before.changes());
    }

    @Test
    void aChangeAtEitherEndIsSeen() throws IOException {
        for (long position : new long[] {0, (40L << 20) - 1}) {
            BaseFiles before = BaseFiles.of(directory);
            change(position);
            assertNotEquals(before.fingerprint(), BaseFiles.of(directory).fingerprint());
            assertEquals(List.of("model.safetensors has other content"), before.changes());
            aModelAgain();
        }
    }

    private void aModelAgain() throws IOException {
        Files.delete(weights);
        aModel();
    }

    @Test
    void aTokenizerThatChangesAndAFileThatGoesAreSeenAsChanges() throws IOException {
        BaseFiles before = BaseFiles.of(directory);
        Files.writeString(directory.resolve("tokenizer.json"), "{\"a\": 1}");
        Files.delete(weights);
        assertEquals(List.of("model.safetensors is gone", "tokenizer.json has other content"), before.changes());
    }

    @Test
    void aModelWithoutADirectoryHasNone() throws IOException {
        assertEquals("none", BaseFiles.of(null).fingerprint());
    }
}
