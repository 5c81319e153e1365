//! The engine and the robots for Python: bytes in, bytes out, no logic. `media/api.py` and `media/clients.py` are the
//! only importers.

mod clients;

use engine_core::bwe::trace;
use engine_io::{Config, Engine, EngineError, LinePorts};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::net::IpAddr;
use std::time::Duration;

pyo3::create_exception!(
    _engine,
    NativeError,
    PyException,
    "What the engine refuses: (code, sentence)."
);

fn to_python(error: &EngineError) -> PyErr {
    NativeError::new_err((error.code(), error.to_string()))
}

/// Running shards.
#[pyclass(frozen)]
struct NativeEngine {
    inner: Engine,
}

type Blocks<'py> = (
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
);

#[pymethods]
impl NativeEngine {
    #[new]
    fn new(
        ip: IpAddr,
        base_port: u16,
        shards: u16,
        drills: bool,
        lines: Option<(u16, u16)>,
    ) -> PyResult<Self> {
        let lines = lines.map(|(first, last)| LinePorts { first, last });
        let config = Config {
            ip,
            base_port,
            shards,
            drills,
            lines,
        };
        let inner = Engine::start(config).map_err(|error| to_python(&error))?;
        Ok(Self { inner })
    }

    fn addresses(&self) -> Vec<(String, u16)> {
        let addresses = self.inner.addresses();
        addresses
            .iter()
            .map(|address| (address.ip().to_string(), address.port()))
            .collect()
    }

    fn shard_of(&self, room: u64) -> usize {
        self.inner.shard_of(room)
    }

    fn open_ports(&self, room: u64) -> PyResult<u16> {
        self.inner
            .open_ports(room)
            .map_err(|error| to_python(&error))
    }

    fn open_local_ports(&self, room: u64) -> PyResult<u16> {
        self.inner
            .open_local_ports(room)
            .map_err(|error| to_python(&error))
    }

    fn close_ports(&self, room: u64, first: u16) -> PyResult<()> {
        self.inner
            .close_ports(room, first)
            .map_err(|error| to_python(&error))
    }

    fn submit(&self, command: &[u8]) -> PyResult<()> {
        self.inner
            .submit(command)
            .map_err(|error| to_python(&error))
    }

    fn events_fd(&self) -> i32 {
        self.inner.events_fd()
    }

    fn drain_events<'py>(
        &self,
        py: Python<'py>,
        most: usize,
    ) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let events = self
            .inner
            .drain_events(most)
            .map_err(|error| to_python(&error))?;
        Ok(events.iter().map(|event| PyBytes::new(py, event)).collect())
    }

    fn snapshot<'py>(&self, py: Python<'py>, timeout_seconds: f64) -> PyResult<Blocks<'py>> {
        let timeout = Duration::try_from_secs_f64(timeout_seconds).unwrap_or_default();
        let [legs, streams, shards, lines, delays] = py
            .detach(|| self.inner.snapshot(timeout))
            .map_err(|error| to_python(&error))?;
        Ok((
            PyBytes::new(py, &legs),
            PyBytes::new(py, &streams),
            PyBytes::new(py, &shards),
            PyBytes::new(py, &lines),
            PyBytes::new(py, &delays),
        ))
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.inner.stop());
    }
}

/// Column names of all blocks of a snapshot but the last: legs, streams, shards, lines.
#[pyfunction]
fn columns() -> [Vec<&'static str>; 4] {
    Engine::columns().map(<[&str]>::to_vec)
}

/// The delay in microseconds that each bucket of a histogram stays below.
#[pyfunction]
fn latency_bounds_us() -> Vec<u64> {
    engine_io::Histogram::bounds().to_vec()
}

/// What a recording of a link told now and then, and what a replay says then: microseconds since it began, and twice bit/s.
#[pyfunction]
fn retrace(py: Python<'_>, trace: &str) -> PyResult<Vec<(u64, u32, u32)>> {
    let retraced = py.detach(|| Some(trace::retrace(&trace::parse(trace).ok()?)));
    let retraced =
        retraced.ok_or_else(|| NativeError::new_err(("bad_trace", "not lines of a trace")))?;
    let told = retraced.iter();
    let told = told.map(|one| (one.at.0, one.recorded_bps, one.replayed_bps));
    Ok(told.collect())
}

#[pymodule]
fn _engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<NativeEngine>()?;
    module.add_function(wrap_pyfunction!(columns, module)?)?;
    module.add_function(wrap_pyfunction!(latency_bounds_us, module)?)?;
    module.add_function(wrap_pyfunction!(retrace, module)?)?;
    clients::add_to(module)?;
    module.add("NativeError", module.py().get_type::<NativeError>())
}
