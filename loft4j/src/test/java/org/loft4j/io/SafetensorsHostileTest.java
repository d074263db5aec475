package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.io.SafetensorsBytes.of;
import static org.loft4j.io.SafetensorsBytes.tensor;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.loft4j.CheckpointException;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;

@Timeout(value = 300, unit = TimeUnit.SECONDS)
class SafetensorsHostileTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final String GOOD = tensor("w", "F32", "[2]", "[0,8]");
    private static final String LONG_MAX = "9223372036854775807";

    @TempDir
    Path folder;

    static Stream<Arguments> files() {
        return Stream.of(
                bad("an empty file", new byte[0], "not a safetensors file"),
                bad("seven bytes", new byte[7], "not a safetensors file"),
                bad(
                        "a pickle",
                        "\u0080\u0002}q\0X\5\0\0\0ab".getBytes(StandardCharsets.ISO_8859_1),
                        "not a safetensors file"),
                bad("a header of length 0", of("", 0), "must begin with {"),
                bad("a header longer than the file", of(1000, "{" + GOOD + "}", 8), "1000 bytes", "truncated"),
                bad("a header longer than allowed", of(100_000_001, "{}", 0), "100000001", "allows 100000000"),
                bad("a negative length", of(-1, "{}", 0), "18446744073709551615"),
                bad("the smallest length", of(Long.MIN_VALUE, "{}", 0), "9223372036854775808"),
                bad("text", of("hello", 0), "must begin with {"),
                bad("an array", of("[1]", 0), "must begin with {"),
                bad("a leading space", of(" {" + GOOD + "}", 8), "must begin with {"),
                bad("half of an object", of("{" + GOOD, 8), "not valid JSON"),
                bad("half of a tensor", of("{\"w\":{\"dtype\":\"F32\"", 8), "\"w\"", "not valid JSON"),
                bad("two objects", of("{" + GOOD + "}{}", 8), "more than one"),
                bad("a zero byte behind", of("{" + GOOD + "}\0", 8), "not valid JSON"),
                bad("a comment", of("{/* */" + GOOD + "}", 8), "not valid JSON"),
                bad("single quotes", of("{'w':1}", 8), "not valid JSON"),
                bad("bytes that are not UTF-8", latin1("{\"\u00e9\":1}"), "UTF-8"),
                bad("UTF-16", utf16("{" + GOOD + "}"), "not valid JSON"),
                bad("a tensor that is a number", of("{\"w\":1}", 0), "\"w\"", "expected an object"),
                bad("a tensor that is null", of("{\"w\":null}", 0), "\"w\"", "expected an object"),
                bad("no dtype", of("{\"w\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8), "\"w\"", "dtype is missing"),
                bad(
                        "no shape",
                        of("{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8),
                        "\"w\"",
                        "shape is missing"),
                bad(
                        "no offsets",
                        of("{\"w\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8),
                        "\"w\"",
                        "data_offsets is missing"),
                bad(
                        "a dtype we lack",
                        of("{" + tensor("w", "F9_E4M4", "[8]", "[0,8]") + "}", 8),
                        "\"w\"",
                        "F9_E4M4",
                        "BF16",
                        "F8_E4M3"),
                bad(
                        "wrong size of a dtype that is not read",
                        of("{" + tensor("w", "I16", "[8]", "[0,8]") + "}", 8),
                        "\"w\"",
                        "takes 16",
                        "hold 8"),
                bad(
                        "a hole behind a tensor that is not read",
                        of("{" + tensor("v", "I8", "[4]", "[0,4]") + "," + tensor("w", "U8", "[3]", "[5,8]") + "}", 8),
                        "\"w\"",
                        "leave a hole"),
                bad("a dtype in lower case", of("{" + tensor("w", "f32", "[2]", "[0,8]") + "}", 8), "\"w\"", "\"f32\""),
                bad("a dtype that is a number", of("{\"w\":{\"dtype\":4}}", 8), "\"w\"", "dtype must be a string"),
                bad(
                        "wrong size of dtype",
                        of("{" + tensor("w", "F64", "[2]", "[0,8]") + "}", 8),
                        "\"w\"",
                        "takes 16",
                        "hold 8"),
                bad(
                        "data beyond the end",
                        of("{" + tensor("w", "F32", "[2]", "[0,8]") + "}", 7),
                        "\"w\"",
                        "outside",
                        "7 bytes"),
                bad(
                        "offsets far beyond",
                        of("{" + tensor("w", "U8", "[1]", "[" + LONG_MAX + "," + LONG_MAX + "]") + "}", 1),
                        "\"w\"",
                        "outside"),
                bad("offsets backwards", of("{" + tensor("w", "F32", "[2]", "[8,0]") + "}", 8), "\"w\"", "outside"),
                bad(
                        "negative offsets",
                        of("{" + tensor("w", "F32", "[2]", "[-8,0]") + "}", 8),
                        "\"w\"",
                        "data_offsets",
                        "-8"),
                bad("one offset", of("{" + tensor("w", "F32", "[2]", "[8]") + "}", 8), "\"w\"", "two numbers"),
                bad("three offsets", of("{" + tensor("w", "F32", "[2]", "[0,8,8]") + "}", 8), "\"w\"", "more than 2"),
                bad(
                        "offsets that are fractions",
                        of("{" + tensor("w", "F32", "[2]", "[0,8.0]") + "}", 8),
                        "\"w\"",
                        "8.0"),
                bad(
                        "offsets that are strings",
                        of("{" + tensor("w", "F32", "[2]", "[\"0\",8]") + "}", 8),
                        "\"w\"",
                        "whole numbers"),
                bad(
                        "offsets beyond 64 bits",
                        of("{" + tensor("w", "F32", "[2]", "[0,9223372036854775808]") + "}", 8),
                        "\"w\"",
                        "whole numbers"),
                bad(
                        "an endless number",
                        of("{" + tensor("w", "F32", "[2]", "[0," + "9".repeat(5000) + "]") + "}", 8),
                        "\"w\"",
                        "not valid JSON"),
                bad("a negative size", of("{" + tensor("w", "F32", "[-2]", "[0,8]") + "}", 8), "\"w\"", "shape", "-2"),
                bad("two negative sizes", of("{" + tensor("w", "F32", "[-2,-1]", "[0,8]") + "}", 8), "\"w\"", "shape"),
                bad(
                        "a huge size",
                        of("{" + tensor("w", "F32", "[" + LONG_MAX + "]", "[0,8]") + "}", 8),
                        "\"w\"",
                        "overflows"),
                bad(
                        "sizes whose product wraps to 8",
                        of("{" + tensor("w", "U8", "[4294967296,4294967296,8]", "[0,8]") + "}", 8),
                        "\"w\"",
                        "overflows"),
                bad(
                        "huge sizes beside a zero",
                        of("{" + tensor("w", "U8", "[0," + LONG_MAX + ",3]", "[0,0]") + "}", 0),
                        "\"w\"",
                        "overflows"),
                bad(
                        "a tensor of an exabyte",
                        of("{" + tensor("w", "U8", "[1152921504606846976]", "[0,1152921504606846976]") + "}", 8),
                        "\"w\"",
                        "outside"),
                bad(
                        "65 dimensions",
                        of("{" + tensor("w", "F32", Arrays.toString(ones(65)), "[0,4]") + "}", 4),
                        "\"w\"",
                        "more than 64"),
                bad("a shape of objects", of("{" + tensor("w", "F32", "[{}]", "[0,8]") + "}", 8), "\"w\"", "shape"),
                bad(
                        "a shape that is a number",
                        of("{" + tensor("w", "F32", "2", "[0,8]") + "}", 8),
                        "\"w\"",
                        "shape must be an array"),
                bad(
                        "an overlap",
                        of("{" + GOOD + "," + tensor("v", "F32", "[2]", "[4,12]") + "}", 12),
                        "\"v\"",
                        "overlap"),
                bad(
                        "the same data twice",
                        of("{" + GOOD + "," + tensor("v", "F32", "[2]", "[0,8]") + "}", 8),
                        "overlap"),
                bad("a hole in front", of("{" + tensor("w", "F32", "[2]", "[4,12]") + "}", 12), "\"w\"", "hole"),
                bad(
                        "a hole between",
                        of("{" + GOOD + "," + tensor("v", "U8", "[1]", "[9,10]") + "}", 10),
                        "\"v\"",
                        "hole"),
                bad("data that nobody owns", of("{" + GOOD + "}", 9), "9 bytes", "account for 8"),
                bad("data without tensors", of("{}", 3), "3 bytes", "account for 0"),
                bad(
                        "an empty tensor in the middle of another",
                        of("{" + GOOD + "," + tensor("v", "U8", "[0]", "[4,4]") + "}", 8),
                        "\"v\"",
                        "overlap"),
                bad("a name twice", of("{" + GOOD + "," + GOOD + "}", 8), "Duplicate", "w"),
                bad(
                        "a key twice",
                        of("{\"w\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8),
                        "\"w\"",
                        "Duplicate",
                        "dtype"),
                bad("metadata twice", of("{\"__metadata__\":{},\"__metadata__\":{}}", 0), "Duplicate", "__metadata__"),
                bad("a metadata key twice", of("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", 0), "Duplicate"),
                bad(
                        "metadata that is not strings",
                        of("{\"__metadata__\":{\"a\":{}}}", 0),
                        "__metadata__",
                        "\"a\"",
                        "string"),
                bad("metadata that is an array", of("{\"__metadata__\":[]}", 0), "__metadata__"),
                bad("deep nesting", of("{\"w\":{\"x\":" + "[".repeat(1_000_000), 0), "\"w\"", "not valid JSON"),
                bad("deep nesting at the top", of("{\"w\":" + "{\"a\":".repeat(1_000_000), 0), "\"w\""),
                bad(
                        "a name of a megabyte",
                        of("{" + tensor("n".repeat(1 << 20), "F32", "[2]", "[0,8]") + "}", 8),
                        "not valid JSON"),
                bad(
                        "a name with control characters",
                        of("{" + tensor("\\u001b[31m\\nw", "F31", "[2]", "[0,8]") + "}", 8),
                        "?[31m?w"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("files")
    void isRefusedByName(String what, byte[] content, List<String> fragments) throws Exception {
        Path file = Files.write(folder.resolve("bad.safetensors"), content);
        var e = assertThrows(
                CheckpointException.class, () -> SafetensorsFile.open(file).close());
        String message = String.valueOf(e.getMessage());
        assertTrue(message.startsWith(file.toString()), message);
        assertTrue(message.length() < 2000, () -> "a message of " + message.length() + " characters");
        fragments.forEach(
                fragment -> assertTrue(message.contains(fragment), () -> fragment + " is not in: " + message));
    }

    static Stream<Arguments> oddButRight() {
        return Stream.of(
                Arguments.of("no tensors", of("{}", 0), 0),
                Arguments.of("spaces behind", of("{" + GOOD + "}      ", 8), 1),
                Arguments.of("white space between", of("{\n " + GOOD.replace(":", " : ") + "\r\n\t}\n", 8), 1),
                Arguments.of("metadata null", of("{\"__metadata__\":null," + GOOD + "}", 8), 1),
                Arguments.of("metadata last", of("{" + GOOD + ",\"__metadata__\":{\"format\":\"pt\"}}", 8), 1),
                Arguments.of("a scalar", of("{" + tensor("w", "F64", "[]", "[0,8]") + "}", 8), 1),
                Arguments.of(
                        "empty tensors all over",
                        of(
                                "{" + tensor("z", "F32", "[0,7]", "[0,0]") + "," + GOOD + ","
                                        + tensor("a", "I64", "[0]", "[8,8]") + "}",
                                8),
                        3),
                Arguments.of(
                        "not in the order of the data",
                        of("{" + tensor("a", "U8", "[4]", "[8,12]") + "," + GOOD + "}", 12),
                        2),
                Arguments.of(
                        "data that are not aligned",
                        of(
                                "{" + tensor("a", "U8", "[3]", "[0,3]") + "," + tensor("w", "F32", "[2]", "[3,11]")
                                        + "}",
                                11),
                        2),
                Arguments.of(
                        "a further key",
                        of("{\"w\":{\"dtype\":\"F32\",\"note\":[{}],\"shape\":[2],\"data_offsets\":[0,8]}}", 8),
                        1),
                Arguments.of("an escaped name", of("{" + tensor("\\u00e9\\\"", "F32", "[2]", "[0,8]") + "}", 8), 1),
                Arguments.of(
                        "64 dimensions", of("{" + tensor("w", "F32", Arrays.toString(ones(64)), "[0,4]") + "}", 4), 1),
                Arguments.of("an empty name", of("{" + tensor("", "F32", "[2]", "[0,8]") + "}", 8), 1));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("oddButRight")
    void isReadThoughOdd(String what, byte[] content, int tensors) throws Exception {
        Path file = Files.write(folder.resolve("odd.safetensors"), content);
        try (SafetensorsFile read = SafetensorsFile.open(file);
                NativeScope scope = new NativeScope()) {
            assertEquals(tensors, read.names().size());
            for (String name : read.names()) {
                assertEquals(Shapes.text(read.info(name).shape()), Shapes.text(Shapes.of(read.read(name))));
            }
        }
    }

    @Test
    void aHeaderOfAHundredMegabytesOfSpacesCostsNeitherTimeNorMemory() throws Exception {
        for (List<String> ends : List.of(List.of("{", "}"), List.of(" ", " "), List.of("{\"w\":{", "x"))) {
            Path file = folder.resolve("spaces.safetensors");
            Files.write(file, spaces(ends.get(0), 100_000_000, ends.get(1)));
            boolean valid = ends.get(1).equals("}");
            long start = THREADS.getCurrentThreadCpuTime();
            long before = THREADS.getThreadAllocatedBytes(Thread.currentThread().getId());
            try (SafetensorsFile read = SafetensorsFile.open(file)) {
                assertTrue(valid && read.names().isEmpty());
            } catch (CheckpointException e) {
                assertTrue(!valid, e.getMessage());
            }
            long allocated =
                    THREADS.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
            double seconds = (THREADS.getCurrentThreadCpuTime() - start) / 1e9;
            assertTrue(allocated < 4 << 20, () -> "allocated " + allocated + " bytes");
            assertTrue(seconds < 5, () -> "took " + seconds + " s of the processor");
        }
    }

    @Test
    void aFileThatChangesAfterItWasOpenedIsRefused() throws Exception {
        Path file = Files.write(folder.resolve("w.safetensors"), of("{" + GOOD + "}", 8));
        try (SafetensorsFile read = SafetensorsFile.open(file);
                NativeScope scope = new NativeScope()) {
            FileTime opened = Files.getLastModifiedTime(file);
            // other numbers of the same length
            Files.setLastModifiedTime(file, FileTime.fromMillis(opened.toMillis() + 2000));
            assertThrows(CheckpointException.class, () -> read.read("w"));
            Files.setLastModifiedTime(file, opened);
            assertEquals(2, read.read("w").numel());
            Files.write(file, of("{" + GOOD + "}", 4));
            var e = assertThrows(CheckpointException.class, () -> read.read("w"));
            assertTrue(String.valueOf(e.getMessage()).contains("\"w\": the file was changed"), e.getMessage());
            Files.delete(file);
            assertThrows(CheckpointException.class, () -> read.read("w"));
        }
    }

    /** Types of the format that are not read here do no harm to the tensors beside them. */
    @Test
    void aTensorOfATypeThatIsNotReadIsRefusedWhenItIsAskedFor() throws Exception {
        String header = "{" + tensor("f", "F8_E4M3", "[8]", "[0,8]") + "," + tensor("n", "F4", "[2,3]", "[8,11]") + ","
                + tensor("w", "F32", "[2]", "[11,19]") + "}";
        Path file = Files.write(folder.resolve("fp8.safetensors"), of(header, 19));
        try (SafetensorsFile read = SafetensorsFile.open(file);
                NativeScope scope = new NativeScope()) {
            assertEquals(List.of("f", "n", "w"), List.copyOf(read.names()));
            assertEquals("F8_E4M3", read.foreign().get("f").type());
            assertEquals("F4", read.foreign().get("n").type());
            assertEquals(List.of("f", "n"), List.copyOf(read.foreign().keySet()));
            assertEquals(2, read.read("w").numel());
            for (Executable ask : List.<Executable>of(() -> read.read("f"), () -> read.info("f"))) {
                var e = assertThrows(CheckpointException.class, ask);
                assertTrue(String.valueOf(e.getMessage()).contains("\"f\": it is F8_E4M3"), e.getMessage());
            }
        }
    }

    @Test
    void whatIsNoFileOrHasNoSuchTensorIsRefused() throws Exception {
        assertThrows(CheckpointException.class, () -> SafetensorsFile.open(folder));
        assertThrows(CheckpointException.class, () -> SafetensorsFile.open(folder.resolve("missing")));
        Path file = Files.write(folder.resolve("w.safetensors"), of("{" + GOOD + "}", 8));
        SafetensorsFile read = SafetensorsFile.open(file);
        try (NativeScope scope = new NativeScope()) {
            var e = assertThrows(CheckpointException.class, () -> read.read("v"));
            assertEquals(file + ": there is no tensor \"v\"", e.getMessage());
            assertThrows(CheckpointException.class, () -> read.info("v"));
            read.close();
            assertThrows(IllegalStateException.class, () -> read.read("w"));
        }
    }

    private static byte[] spaces(String start, int length, String end) {
        byte[] file = new byte[Long.BYTES + length];
        Arrays.fill(file, (byte) ' ');
        ByteBuffer.wrap(file)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(length)
                .put(start.getBytes(StandardCharsets.UTF_8));
        System.arraycopy(end.getBytes(StandardCharsets.UTF_8), 0, file, file.length - end.length(), end.length());
        return file;
    }

    private static Arguments bad(String what, byte[] content, String... fragments) {
        return Arguments.of(what, content, List.of(fragments));
    }

    private static long[] ones(int count) {
        long[] ones = new long[count];
        Arrays.fill(ones, 1);
        return ones;
    }

    private static byte[] latin1(String header) {
        byte[] content = of(header.replace('\u00e9', '?'), 0);
        content[10] = (byte) 0xE9;
        return content;
    }

    private static byte[] utf16(String header) {
        StringBuilder wide = new StringBuilder();
        header.chars().forEach(c -> wide.append((char) c).append('\0'));
        return of(wide.toString(), 8);
    }
}
