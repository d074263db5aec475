package org.loft4j.tensor;

import java.util.function.IntSupplier;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.ConfigException;

/** Where tensors live: the processor, one CUDA device, or nowhere. */
public record DeviceSpec(Kind kind, int index) {
    /** The processor. */
    public static final DeviceSpec CPU = new DeviceSpec(Kind.CPU, 0);

    /** No device: tensors have a shape and a type, and no numbers. */
    public static final DeviceSpec META = new DeviceSpec(Kind.META, 0);

    /** Kinds of device. */
    public enum Kind {
        CPU,
        CUDA,
        META
    }

    /**
     * Reads {@code cpu}, {@code cuda}, {@code cuda:1} or {@code auto} (CUDA where there is one).
     *
     * @throws ConfigException if the name is none of these, or there is no such device
     */
    public static DeviceSpec parse(String name) {
        return parse(name, Engine::cudaDevices);
    }

    /** The same where there are so many CUDA devices, which is asked only if it matters. */
    static DeviceSpec parse(String name, IntSupplier devices) {
        switch (name) {
            case "cpu":
                return CPU;
            case "auto":
                return devices.getAsInt() > 0 ? new DeviceSpec(Kind.CUDA, 0) : CPU;
            default:
                if (!name.matches("cuda(:[0-9]{1,2})?")) {
                    throw new ConfigException("device must be cpu, cuda, cuda:N or auto, got " + name);
                }
                int index = name.length() > 4 ? Integer.parseInt(name.substring(5)) : 0;
                int count = devices.getAsInt();
                if (count == 0) {
                    throw new ConfigException(
                            "device " + name
                                    + " cannot be used: no CUDA device was found; on a machine with an NVIDIA driver start with LOFT_CUDA=1 ./loft, or build with -Pcuda; or pass --device cpu");
                }
                if (index >= count) {
                    throw new ConfigException("device " + name + " cannot be used: this process sees "
                            + (count == 1 ? "cuda:0 alone" : "cuda:0 to cuda:" + (count - 1))
                            + "; name one that there is, or pass --device cpu");
                }
                return new DeviceSpec(Kind.CUDA, index);
        }
    }

    /** Waits until all that was asked of it is done: a device works on while the program goes on, and a clock must not be read then. */
    public void await() {
        if (kind == Kind.CUDA) {
            torch.cuda_synchronize(index);
        }
    }

    /** Where a tensor lives. */
    public static DeviceSpec of(Tensor tensor) {
        return tensor.is_cuda() ? new DeviceSpec(Kind.CUDA, tensor.device().index()) : tensor.is_meta() ? META : CPU;
    }

    /** The native descriptor, owned by the open scope. */
    public Device torch() {
        return switch (kind) {
            case CPU -> new Device(torch.DeviceType.CPU);
            case CUDA -> new Device(torch.DeviceType.CUDA, (byte) index);
            case META -> new Device(torch.DeviceType.Meta);
        };
    }

    @Override
    public String toString() {
        return switch (kind) {
            case CPU -> "cpu";
            case CUDA -> "cuda:" + index;
            case META -> "meta";
        };
    }
}
