//! Turns the gateware into two Verilated models (one a width) in one static library.
//!
//! gateware -> `handclasp_hdl::emit` -> Verilog -> `verilator --cc` -> C++ -> `cc` -> `libhandclasp_models.a`
//!
//! Nothing is compiled twice: what comes out is kept in `target/verilated` under a hash of everything that goes in, for
//! every profile and set of features. Verilator's run-time library does not depend on the gateware at all.

use crate::flags::VERILATOR_FLAGS;
use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Widths of the data path, in bits.
const WIDTHS: [usize; 2] = [64, 512];

/// Builds the models and tells cargo how to link them.
pub fn build() -> Result<()> {
    for path in ["src/shim.cpp", "src/runtime.cpp"] {
        println!("cargo:rerun-if-changed={path}");
    }
    for variable in ["VERILATOR", "VERILATOR_ROOT"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let verilator = Verilator::find()?;
    for width in WIDTHS {
        build_model(&verilator, &out, width)?;
    }
    build_runtime(&verilator, &out)?;
    // Order matters to the linker: the models need the run-time library, which needs zlib (FST) and atomics.
    for width in WIDTHS {
        println!("cargo:rustc-link-lib=static={}", model_name(width));
    }
    println!("cargo:rustc-link-lib=static=verilated");
    for library in ["stdc++", "z", "atomic", "pthread"] {
        println!("cargo:rustc-link-lib={library}");
    }
    Ok(())
}

fn model_name(width: usize) -> String {
    format!("handclasp_nic_w{width}")
}

struct Verilator {
    program: String,
    include: PathBuf,
    version: String,
}

impl Verilator {
    fn find() -> Result<Self> {
        let program = env::var("VERILATOR").unwrap_or_else(|_| "verilator".into());
        let ask = |argument: &[&str]| -> Result<String> {
            let output = Command::new(&program).args(argument).output().map_err(|error| {
                format!(
                    "cannot run `{program}` ({error}). The simulator needs Verilator 5: `apt-get install verilator \
                     g++ zlib1g-dev`, or set VERILATOR to its path"
                )
            })?;
            Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        };
        let version = ask(&["--version"])?;
        if !version.starts_with("Verilator 5") {
            return Err(format!("`{program}` is `{version}`, but Verilator 5 is needed").into());
        }
        let include = PathBuf::from(ask(&["--getenv", "VERILATOR_ROOT"])?).join("include");
        if !include.join("verilated.cpp").exists() {
            return Err(format!(
                "no verilated.cpp in {}: the installation of {version} is not whole",
                include.display()
            )
            .into());
        }
        Ok(Self {
            program,
            include,
            version,
        })
    }

    fn compiler(&self) -> cc::Build {
        let mut build = cc::Build::new();
        build
            .cpp(true)
            .std("c++17")
            .warnings(false)
            .cargo_metadata(false)
            .debug(false)
            .include(&self.include)
            .include(self.include.join("vltstd"))
            .flag_if_supported("-faligned-new")
            .define("VM_COVERAGE", "0")
            .define("VM_SC", "0")
            .define("VM_TRACE", "1")
            .define("VM_TRACE_FST", "1")
            .define("VM_TRACE_VCD", "0")
            .define("VL_USER_STOP", None)
            .define("VL_USER_FATAL", None);
        build
    }
}

/// Links `lib{name}.a`, which `build` makes in `out` from `sources` if no earlier run has.
fn link(
    out: &Path,
    name: &str,
    sources: &[&str],
    build: impl FnOnce() -> Result<()>,
) -> Result<()> {
    // The flags stand in these files.
    let mut hasher = DefaultHasher::new();
    let flags = [include_str!("models.rs"), include_str!("flags.rs")];
    (sources, flags).hash(&mut hasher);
    // OUT_DIR is target/<profile>/build/<package>/out.
    let target = out.ancestors().nth(4).unwrap_or(out);
    let dir = target.join(format!("verilated/{name}-{:016x}", hasher.finish()));
    let file = format!("lib{name}.a");
    if !dir.join(&file).exists() {
        build()?;
        fs::create_dir_all(&dir)?;
        // Another cargo may be doing the same: whoever renames last replaces a file by its like.
        let whole = dir.join(format!("{file}.{}", std::process::id()));
        fs::copy(out.join(&file), &whole)?;
        fs::rename(whole, dir.join(&file))?;
    }
    println!("cargo:rustc-link-search=native={}", dir.display());
    Ok(())
}

fn build_runtime(verilator: &Verilator, out: &Path) -> Result<()> {
    let runtime = fs::read_to_string("src/runtime.cpp")?;
    let names = ["verilated", "verilated_fst_c", "verilated_threads"];
    link(out, "verilated", &[&verilator.version, &runtime], || {
        verilator
            .compiler()
            .opt_level(3)
            .file("src/runtime.cpp")
            .files(names.map(|name| verilator.include.join(format!("{name}.cpp"))))
            .try_compile("verilated")?;
        Ok(())
    })
}

fn build_model(verilator: &Verilator, out: &Path, width: usize) -> Result<()> {
    let name = model_name(width);
    let verilog = handclasp_hdl::emit(width)?;
    let shim = fs::read_to_string("src/shim.cpp")?;
    link(out, &name, &[&verilator.version, &shim, &verilog], || {
        compile_model(verilator, out, &name, &format!("Vw{width}"), &verilog)
    })
}

fn compile_model(
    verilator: &Verilator,
    out: &Path,
    name: &str,
    prefix: &str,
    verilog: &str,
) -> Result<()> {
    // Emptied first: the names of Verilator's files carry hashes, so old ones would be left.
    let dir = out.join(name);
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    let source = dir.join(format!("{name}.v"));
    fs::write(&source, verilog)?;
    let run = Command::new(&verilator.program)
        .arg("--cc")
        .args(VERILATOR_FLAGS)
        .args(["--top-module", "handclasp_nic", "--prefix", prefix, "-Mdir"])
        .arg(&dir)
        .arg(&source)
        .output()?;
    if !run.status.success() {
        return Err(format!(
            "verilator refused {}:\n{}",
            source.display(),
            String::from_utf8_lossy(&run.stderr)
        )
        .into());
    }

    let classes = fs::read_to_string(dir.join(format!("{prefix}_classes.mk")))?;
    let files = |variable: &str| -> Vec<PathBuf> {
        source_list(&classes, variable)
            .iter()
            .map(|file| dir.join(format!("{file}.cpp")))
            .collect()
    };
    let shim_name = |function: &str| format!("{name}_##{function}");
    let mut fast = verilator.compiler();
    fast.opt_level(3)
        .include(&dir)
        .define("MODEL", prefix)
        .define("SYMS", format!("{prefix}__Syms").as_str())
        .define("MODEL_HEADER", format!("\"{prefix}.h\"").as_str())
        .define("SYMS_HEADER", format!("\"{prefix}__Syms.h\"").as_str())
        .define("SHIM(function)", shim_name("function").as_str())
        .file("src/shim.cpp")
        .files(files("VM_CLASSES_FAST"))
        .files(files("VM_SUPPORT_FAST"));
    let mut slow = verilator.compiler();
    slow.opt_level(1)
        .include(&dir)
        .files(files("VM_CLASSES_SLOW"))
        .files(files("VM_SUPPORT_SLOW"));
    let slow_objects = slow.try_compile_intermediates()?;
    fast.objects(slow_objects).try_compile(name)?;
    Ok(())
}

/// The words of `VARIABLE += \` in a makefile.
fn source_list<'a>(makefile: &'a str, variable: &str) -> Vec<&'a str> {
    makefile
        .lines()
        .skip_while(|line| !line.starts_with(variable))
        .skip(1)
        .map(|line| line.trim().trim_end_matches('\\').trim())
        .take_while(|line| !line.is_empty())
        .collect()
}
