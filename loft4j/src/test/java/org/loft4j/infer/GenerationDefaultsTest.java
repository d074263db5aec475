package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.Logged;
import org.loft4j.infer.BeamConfig.EarlyStopping;

class GenerationDefaultsTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"do_sample\": true} | 1 | 50",
                "{\"do_sample\": true, \"top_k\": null, \"temperature\": 0.6} | 0.6 | 0",
                "{\"do_sample\": true, \"top_k\": 20} | 1 | 20",
                "{\"do_sample\": false, \"top_k\": 20, \"temperature\": 0.6} | 0 | 20",
                "{\"top_k\": 20, \"temperature\": 0.6} | 0 | 20",
                "{\"do_sample\": false, \"temperature\": 0.6} | 0 | 0",
                "{} | 0 | 0"
            })
    void whatTheFileLeavesOpenIsAsInTransformers(String json, double temperature, int topK) throws Exception {
        Files.writeString(folder.resolve("generation_config.json"), json);
        SamplingConfig sampling = GenerationDefaults.read(folder, 7);
        assertEquals(new SamplingConfig(temperature, topK, 1, 0, 1, 7), sampling);
    }

    /** By Transformers 5.3, which writes 9 tokens behind a prompt of 4 where a model's file has {@code max_length} 9. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "generation_config.json | {\"max_length\": 9} | 9 | 9",
                "generation_config.json | {\"max_length\": 9, \"max_new_tokens\": 4} | 4 | 4",
                "generation_config.json | {\"max_length\": null} | -1 | -1",
                "config.json | {\"max_length\": 9} | -1 | 9",
            })
    void theLongestTextIsThatOfTheFile(String file, String json, int decoder, int writer) throws Exception {
        Files.writeString(folder.resolve("config.json"), "{}");
        Files.writeString(folder.resolve(file), json);
        assertEquals(decoder, GenerationDefaults.maxNewTokens(folder, false).orElse(-1));
        assertEquals(writer, GenerationDefaults.maxNewTokens(folder, true).orElse(-1));
        Files.writeString(folder.resolve(file), "{\"max_length\": 0}");
        assertThrows(CheckpointException.class, () -> GenerationDefaults.maxNewTokens(folder, true));
    }

    @Test
    void whatIsStatedIsThereForWhoGivesATemperature() throws Exception {
        Files.writeString(
                folder.resolve("generation_config.json"),
                "{\"do_sample\": false, \"temperature\": 0.6, \"top_p\": 0.8, \"min_p\": 0.1}");
        assertEquals(new SamplingConfig(0, 0, 0.8, 0.1, 1, 7), GenerationDefaults.read(folder, 7));
    }

    @Test
    void whatIsNotHonouredIsNamedUnlessItChangesNothing() throws Exception {
        Path file = folder.resolve("generation_config.json");
        try (Logged log = new Logged(GenerationDefaults.class)) {
            Files.writeString(
                    file,
                    "{\"do_sample\": true, \"num_beams\": 1, \"no_repeat_ngram_size\": 0, \"typical_p\": 1.0, \"min_length\": 0,"
                            + " \"suppress_tokens\": [], \"bad_words_ids\": null, \"token_healing\": false,"
                            + " \"max_new_tokens\": 50, \"eos_token_id\": [1, 2], \"transformers_version\": \"5\"}");
            GenerationDefaults.read(folder, 7);
            assertEquals(List.of(), log.messages());
            Files.writeString(
                    file,
                    "{\"num_beams\": 4, \"no_repeat_ngram_size\": 3, \"typical_p\": 0.9, \"min_new_tokens\": 5,"
                            + " \"bad_words_ids\": [[1]], \"penalty_alpha\": 0.6, \"forced_bos_token_id\": 0}");
            GenerationDefaults.read(folder, 7);
            assertEquals(
                    List.of(file
                            + " asks for what is not honoured here, so that texts are not those of Transformers:"
                            + " num_beams = 4, no_repeat_ngram_size = 3, typical_p = 0.9, min_new_tokens = 5,"
                            + " bad_words_ids, penalty_alpha = 0.6, forced_bos_token_id = 0"),
                    log.texts());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"generation_config.json", "config.json"})
    void whatAnEncoderDecoderHonoursIsNotNamed(String file) throws Exception {
        try (Logged log = new Logged(GenerationDefaults.class)) {
            Files.writeString(folder.resolve("config.json"), "{\"num_beams\": 1}");
            Files.writeString(
                    folder.resolve(file),
                    "{\"do_sample\": true, \"num_beams\": 4, \"min_length\": 56, \"forced_bos_token_id\": 0, \"forced_eos_token_id\": 2,"
                            + " \"length_penalty\": 2.0, \"early_stopping\": true, \"no_repeat_ngram_size\": 3,"
                            + " \"diversity_penalty\": 0.5}");
            assertEquals(
                    SamplingConfig.GREEDY
                            .withBeams(new BeamConfig(4, 2, EarlyStopping.TRUE))
                            .withNoRepeatNgramSize(3)
                            .withMinNewTokens(55),
                    GenerationDefaults.readWriter(folder));
            assertEquals(1, log.texts().size());
            assertTrue(
                    log.texts().get(0).endsWith(": do_sample = true, diversity_penalty = 0.5"),
                    log.texts().toString());
        }
    }

    @Test
    void moreBeamsThanThereMayBeAreRefused() throws Exception {
        Path file = Files.writeString(folder.resolve("config.json"), "{\"num_beams\": 300000000}");
        CheckpointException refused =
                assertThrows(CheckpointException.class, () -> GenerationDefaults.readWriter(folder));
        assertEquals(file + ": num_beams must be from 1 to 1024, got 300000000", refused.getMessage());
    }

    @Test
    void anotherFirstTokenOfWritingIsTold() throws Exception {
        Files.writeString(folder.resolve("config.json"), "{\"decoder_start_token_id\": 0}");
        try (Logged log = new Logged(GenerationDefaults.class)) {
            Files.writeString(folder.resolve("generation_config.json"), "{\"decoder_start_token_id\": 0}");
            GenerationDefaults.read(folder, 7);
            assertEquals(List.of(), log.messages());
            Files.writeString(folder.resolve("generation_config.json"), "{\"decoder_start_token_id\": 5}");
            GenerationDefaults.read(folder, 7);
            assertEquals(1, log.messages().size());
            assertTrue(
                    log.messages().get(0).contains("decoder_start_token_id is 5, and writing begins with 0"),
                    log.messages().toString());
        }
    }
}
