package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class UserHomeTest {
    @Test
    void theVariableDecidesButOnWindows() {
        Map<String, String> set = Map.of("HOME", "/home/ann");
        assertEquals(Path.of("/home/ann"), UserHome.of(set, "Linux", "?"));
        assertEquals(Path.of("/home/ann"), UserHome.of(set, "Mac OS X", "/Users/ann"));
        assertEquals(Path.of("listed"), UserHome.of(set, "Windows 11", "listed"));
        assertEquals(Path.of("/root"), UserHome.of(Map.of(), "Linux", "/root"));
        assertEquals(Path.of("/root"), UserHome.of(Map.of("HOME", "here"), "Linux", "/root"), "no place of its own");
        assertEquals(Path.of("/root"), UserHome.of(Map.of("HOME", ""), "Linux", "/root"));
    }
}
