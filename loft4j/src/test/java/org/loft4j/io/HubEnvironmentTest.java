package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;

class HubEnvironmentTest {
    @TempDir
    Path home;

    @Test
    void theMoreSpecialVariableDecidesWhereTheCacheIs() {
        assertEquals(home.resolve(".cache/huggingface/hub"), cache(Map.of()));
        assertEquals(Path.of("/x/huggingface/hub"), cache(Map.of("XDG_CACHE_HOME", "/x")));
        assertEquals(Path.of("/h/hub"), cache(Map.of("XDG_CACHE_HOME", "/x", "HF_HOME", "/h")));
        assertEquals(Path.of("/old"), cache(Map.of("HF_HOME", "/h", "HUGGINGFACE_HUB_CACHE", "/old")));
        assertEquals(
                Path.of("/c"), cache(Map.of("HF_HOME", "/h", "HUGGINGFACE_HUB_CACHE", "/old", "HF_HUB_CACHE", "/c")));
        assertEquals(home.resolve("models/hub"), cache(Map.of("HF_HOME", "~/models")));
        assertEquals(
                Path.of("/data/hf"),
                cache(Map.of("HF_HUB_CACHE", "$SCRATCH/${WHAT}", "SCRATCH", "/data", "WHAT", "hf")));
    }

    @Test
    void theTokenIsTheVariablesElseTheFiles() throws IOException {
        assertNull(of(Map.of()).token());
        Path file = home.resolve(".cache/huggingface/token");
        Files.createDirectories(file.getParent());
        Files.writeString(file, "of-file\n");
        assertEquals("of-file", of(Map.of()).token());
        assertEquals("of-variable", of(Map.of("HF_TOKEN", " of-variable\n")).token());
        assertNull(of(Map.of("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")).token());
        Files.writeString(home.resolve("other"), "elsewhere");
        assertEquals(
                "elsewhere",
                of(Map.of("HF_TOKEN_PATH", home.resolve("other").toString())).token());
        assertFalse(of(Map.of("HF_TOKEN", "of-variable")).toString().contains("of-variable"));
        assertThrows(ConfigException.class, () -> of(Map.of("HF_TOKEN", "two words")));
    }

    @Test
    void aPasswordInTheAddressIsRefusedAndNotShown() {
        String told = String.valueOf(assertThrows(
                        ConfigException.class, () -> of(Map.of("HF_ENDPOINT", "https://me:secret@hub.example.com")))
                .getMessage());
        assertTrue(told.contains("without a user and a password") && !told.contains("secret"), told);
    }

    /** What lies in the cache is opened without a token. */
    @Test
    void aTokenFileThatCannotBeReadIsAFaultOfThoseWhoAskForTheToken() throws IOException {
        Path file = Files.write(home.resolve("token"), new byte[] {(byte) 0xff, (byte) 0xfe, 1});
        HubEnvironment environment = of(Map.of("HF_TOKEN_PATH", file.toString()));
        assertEquals(home.resolve(".cache/huggingface/hub"), environment.cache());
        assertTrue(environment.toString().contains("token"), environment.toString());
        ConfigException fault = assertThrows(ConfigException.class, environment::token);
        assertTrue(fault.getMessage().contains(file.toString()), fault.getMessage());
        Files.writeString(file, "two words");
        assertThrows(ConfigException.class, environment::token);
    }

    @Test
    void theEndpointHasNoSlashAtItsEnd() {
        assertEquals(URI.create("https://huggingface.co"), of(Map.of()).endpoint());
        assertEquals(
                URI.create("http://mirror:8080/hf"),
                of(Map.of("HF_ENDPOINT", "http://mirror:8080/hf/")).endpoint());
        assertThrows(ConfigException.class, () -> of(Map.of("HF_ENDPOINT", "mirror")));
        assertThrows(ConfigException.class, () -> of(Map.of("HF_ENDPOINT", "ftp://mirror")));
        assertThrows(ConfigException.class, () -> of(Map.of("HF_ENDPOINT", "http://a b")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "true", "YES", "on"})
    void offlineHasTheWordsOfPython(String word) {
        assertTrue(of(Map.of("HF_HUB_OFFLINE", word)).offline());
        assertTrue(of(Map.of("TRANSFORMERS_OFFLINE", word)).offline());
        assertFalse(of(Map.of("HF_HUB_OFFLINE", "0")).offline());
        assertFalse(of(Map.of()).offline());
    }

    private Path cache(Map<String, String> variables) {
        return of(variables).cache();
    }

    private HubEnvironment of(Map<String, String> variables) {
        return HubEnvironment.of(variables, home);
    }
}
