//! Robots for Python.

use crate::to_python;
use engine_robot::Robots;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::time::Duration;

/// Threads that play clients.
#[pyclass(frozen)]
struct NativeClients {
    inner: Robots,
}

type Blocks<'py> = (
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
);

#[pymethods]
impl NativeClients {
    #[new]
    fn new(threads: u16) -> PyResult<Self> {
        let inner = Robots::start(threads).map_err(|error| to_python(&error))?;
        Ok(Self { inner })
    }

    fn submit(&self, py: Python<'_>, command: &[u8]) -> PyResult<()> {
        // A clip is large and is made ready here.
        py.detach(|| self.inner.submit(command))
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
        let events = self.inner.drain_events(most);
        let events = events.map_err(|error| to_python(&error))?;
        Ok(events.iter().map(|event| PyBytes::new(py, event)).collect())
    }

    fn snapshot<'py>(&self, py: Python<'py>, timeout_seconds: f64) -> PyResult<Blocks<'py>> {
        let timeout = Duration::try_from_secs_f64(timeout_seconds).unwrap_or_default();
        let blocks = py
            .detach(|| self.inner.snapshot(timeout))
            .map_err(|error| to_python(&error))?;
        let [clients, senders, receivers, threads, latency] =
            blocks.map(|block| PyBytes::new(py, &block));
        Ok((clients, senders, receivers, threads, latency))
    }

    fn reset_latency(&self) -> PyResult<()> {
        self.inner
            .reset_latency()
            .map_err(|error| to_python(&error))
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.inner.stop());
    }
}

/// Column names of the first four blocks of a snapshot of robots: clients, senders, receivers, threads.
#[pyfunction]
fn client_columns() -> [Vec<&'static str>; 4] {
    Robots::columns().map(<[&str]>::to_vec)
}

/// The largest duration in microseconds that each bucket of a latency histogram takes.
#[pyfunction]
fn latency_bounds_us() -> Vec<u64> {
    Robots::latency_bounds()
}

pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<NativeClients>()?;
    module.add_function(wrap_pyfunction!(client_columns, module)?)?;
    module.add_function(wrap_pyfunction!(latency_bounds_us, module)?)
}
