# frozen_string_literal: true

# The main job with the Ruby client that is generated from openapi/milepost.json: a host is installed, and somebody
# watches. An installer is no user of a generated client, so it reports with Net::HTTP, as curl or wget would.

require 'json'
require 'net/http'
require 'securerandom'
require 'milepost_client'

NAME = ARGV.fetch(0, 'ruby')
URL = URI(ENV.fetch('MILEPOST_URL'))

# Counts what held, and says what did not.
module Checks
  @passed = 0
  @failed = 0

  class << self
    def that(what, held, said = nil)
      if held
        @passed += 1
      else
        @failed += 1
        warn "#{NAME}: FAILED #{what}#{": #{said}" if said}"
      end
    end

    def equal(what, expected, actual)
      that(what, expected == actual, "expected #{expected.inspect}, got #{actual.inspect}")
    end

    def finish
      puts "#{NAME}: #{@passed} passed, #{@failed} failed"
      exit(@failed.zero? && @passed.positive?)
    end
  end
end

def client(token)
  config = MilepostClient::Configuration.new
  config.scheme = URL.scheme
  config.host = "#{URL.host}:#{URL.port}"
  config.base_path = URL.path
  config.access_token = token
  config.timeout = 20
  MilepostClient::ApiClient.new(config)
end

# The answers of a version to come: members that this client has never heard of, and states as well.
def newer(data)
  case data
  when Hash
    grown = data.to_h { |key, value| [key, key.to_s == 'state' ? 'of_a_version_to_come' : newer(value)] }
    grown.merge(member_to_come: { 'a' => [1, nil] })
  when Array then data.map { |item| newer(item) }
  else data
  end
end

def client_of_newer_service(token)
  client(token).tap do |made|
    made.define_singleton_method(:convert_to_type) { |data, type| super(newer(data), type) }
  end
end

# The problem that an operation ends with, as the client's own types.
def problem(what, status)
  yield
  Checks.that(what, false, "expected status #{status}, got no error")
  nil
rescue MilepostClient::ApiError => e
  Checks.equal("#{what}: status", status, e.code)
  type = e.response_headers['Content-Type']
  Checks.equal("#{what}: Content-Type", 'application/problem+json', type.to_s.split(';').first)
  problem = MilepostClient::Problem.build_from_hash(JSON.parse(e.response_body))
  Checks.equal("#{what}: the status in the body", status, problem.status)
  Checks.that("#{what}: a detail", !problem.detail.to_s.empty?, 'expected a sentence, got none')
  Checks.equal("#{what}: Foreman's error.message is the detail", problem.detail, problem.error.message)
  problem
end

# What an installer does: it sends a line and reads a line.
def report(what, status, request)
  answer = Net::HTTP.start(request.uri.host, request.uri.port, open_timeout: 5, read_timeout: 20) do |http|
    http.request(request)
  end
  Checks.equal("#{what}: status", status, answer.code.to_i)
  Checks.equal("#{what}: answer", 'recorded', answer.body.strip)
end

def get(url)
  Net::HTTP::Get.new(URI(url))
end

def post(url, form = {})
  Net::HTTP::Post.new(URI(url)).tap { |request| request.set_form_data(form) }
end

manage = client(ENV.fetch('MILEPOST_TOKEN'))
read = client(ENV.fetch('MILEPOST_READ_TOKEN'))
builds = MilepostClient::BuildsApi.new(read)
hosts = MilepostClient::HostsApi.new(read)
reports = MilepostClient::ReportsApi.new(read)
mine = MilepostClient::BuildsApi.new(manage)

# A host enters build mode, twice: the second build supersedes the first.
unique = SecureRandom.hex(6)
name = "rb-#{unique}.clients.example.com"
foreman_id = 1 + SecureRandom.random_number(2**31 - 2)
host = MilepostClient::HostInput.new(
  name: name, foreman_id: foreman_id, location: 'brno', organization: 'acme', operatingsystem: 'RedHat 9.4'
)
# As text: outside of Rails, Ruby's JSON would write a Time in a form of its own.
input = MilepostClient::BuildInput.new(host: host, workflow: 'kickstart', expires_at: (Time.now + 3600).utc.iso8601)
before, status, = mine.create_build_with_http_info(input)
Checks.equal('opening a build: status', 201, status)
build = mine.create_build(input)
Checks.equal('the build: state', 'pending', build.state)
Checks.equal('the build: workflow', 'kickstart', build.workflow)
Checks.equal('the build: attempt', 1, build.attempt)
Checks.equal('the build: host', [name, foreman_id, 'brno'], [build.host.name, build.host.foreman_id, build.host.location])
Checks.equal('the build: times are times', [Time, Time], [build.started_at.class, build.expires_at.class])
Checks.that('the build: report_url ends with the token', build.report_url.end_with?(build.token), build.report_url)
Checks.equal('the build: report_urls.path is report_url', build.report_url, build.report_urls.path)
Checks.equal('the build: what it has not is absent', [nil] * 5,
             [build.current_step, build.last_message, build.installed_at, build.ended_at, build.host.model])
Checks.equal('the build before: state', 'superseded', builds.get_build(before.id).state)
Checks.equal('a build that is read shows no token', [nil] * 3,
             builds.get_build(build.id).then { |seen| [seen.token, seen.report_url, seen.report_urls] })

# The installer reports.
report('GET get_ks/done', 200, get("#{build.report_url}/get_ks/done"))
report('POST packages', 200,
       post("#{build.report_url}/packages", status: 'init', message: '412 packages', logs: "one\ntwo é\n"))

# The host page: by name, by Foreman's id and by ours.
progress = hosts.get_host_progress(name)
Checks.equal('progress: by foreman_id', build.id, hosts.get_host_progress(foreman_id).build.id)
Checks.equal('progress: by id', build.id, hosts.get_host_progress(build.host.id).build.id)
Checks.equal('progress: build', build.id, progress.build.id)
Checks.equal('progress: state', 'running', progress.state)
Checks.that('progress: percent', (1..98).cover?(progress.percent), "expected 1 to 98, got #{progress.percent.inspect}")
Checks.equal('progress: current_step', %w[packages running], [progress.current_step.label, progress.current_step.state])
Checks.equal('progress: last_message', '412 packages', progress.last_message)
Checks.equal('progress: last_report_at is a time', Time, progress.last_report_at.class)
Checks.equal('progress: signals', [], progress.signals)
steps = progress.steps.to_h { |step| [step.label, step] }
Checks.equal('step get_ks', ['Kickstart download', 'done', 1, Time],
             steps['get_ks'].then { |step| [step.name, step.state, step.attempts, step.finished_at.class] })
Checks.equal('step packages', ['running', '412 packages', nil],
             steps['packages'].then { |step| [step.state, step.message, step.finished_at] })
Checks.equal('step first_boot', ['pending', 0, nil, nil, nil],
             steps['first_boot'].then { |step| [step.state, step.attempts, step.started_at, step.percentage, step.message] })
Checks.equal('steps: in their order', progress.steps.map(&:priority).sort, progress.steps.map(&:priority))

# A version to come may say more, and other words.
later = MilepostClient::HostsApi.new(client_of_newer_service(ENV.fetch('MILEPOST_READ_TOKEN'))).get_host_progress(name)
Checks.equal('a newer service: unknown words are passed on', %w[of_a_version_to_come] * 2,
             [later.state, later.current_step.state])
Checks.equal('a newer service: the rest is as before', [build.id, '412 packages'], [later.build.id, later.last_message])
workflows = MilepostClient::RegistryApi.new(client_of_newer_service(ENV.fetch('MILEPOST_READ_TOKEN'))).list_workflows
Checks.that('a newer service: workflows', workflows.results.any? { |one| one.name == 'kickstart' && one.steps.any? },
            workflows.results.map(&:name).inspect)

# Lists: a search, page by page, newest first.
search = "name = \"#{name}\""
pages = [1, 2, 3].map { |page| builds.list_builds(search: search, page: page, per_page: 1) }
Checks.equal('builds: pages of one', [[build.id], [before.id], []], pages.map { |page| page.results.map(&:id) })
Checks.equal('builds: envelope', [2, 2, 1, search], pages[1].then { |one| [one.subtotal, one.page, one.per_page, one.search] })
Checks.that('builds: total', pages[0].total >= 2, "expected 2 or more, got #{pages[0].total}")
found = builds.list_builds(search: "#{search} and state = running", order: 'started_at ASC')
Checks.equal('builds: search by name and state', [build.id], found.results.map(&:id))
Checks.equal('builds: sort', %w[started_at ASC], [found.sort.by, found.sort.order])
Checks.equal('builds of the host', 2, hosts.list_host_builds(name).subtotal)
Checks.equal('hosts', [build.id], hosts.list_hosts(search: search).results.map { |one| one.build.id })

# The stream of reports: all, then what came since.
stream = reports.list_host_reports(foreman_id)
Checks.equal('reports', [[1, 'get_ks', 'done', nil], [2, 'packages', 'init', '412 packages']],
             stream.results.map { |one| [one.position, one.label, one.status, one.message] })
Checks.equal('reports: the log of packages', "one\ntwo é\n",
             reports.get_report_log(build.id, stream.results[1].id).dup.force_encoding('UTF-8'))
report('GET packages/done', 200, get("#{build.report_url}/packages/done"))
since = reports.list_build_reports(build.id, after: stream.cursor)
Checks.equal('reports after the cursor', [[3, 'packages', 'done']],
             since.results.map { |one| [one.position, one.label, one.status] })

# Errors, as the client's own types.
unknown = problem('an unknown workflow', 422) do
  mine.create_build(MilepostClient::BuildInput.new(host: host, workflow: 'no_such_workflow'))
end
Checks.equal('an unknown workflow: code', 'invalid', unknown&.code)
Checks.equal('an unknown workflow: errors', ['/workflow'], unknown&.errors&.map(&:pointer))
Checks.equal("an unknown workflow: Foreman's errors", ['workflow'], unknown&.error&.errors&.keys&.map(&:to_s))
Checks.equal("an unknown workflow: Foreman's full_messages", 1, unknown&.error&.full_messages&.length)
missing = problem('an unknown host', 404) { hosts.get_host_progress("no-#{name}") }
Checks.equal('an unknown host: code', 'not_found', missing&.code)
Checks.equal('an unknown host: no errors', [nil, nil], [missing&.errors, missing&.error&.errors])
stranger = problem('a bad token', 401) { MilepostClient::HostsApi.new(client('bad')).get_host_progress(name) }
Checks.equal('a bad token: code', 'unauthenticated', stranger&.code)
reader = problem('a read token that opens a build', 403) { builds.create_build(input) }
Checks.equal('a read token that opens a build: code', 'forbidden', reader&.code)

# The registry is strict: an unknown step is refused, and shown.
installers = MilepostClient::InstallersApi.new(client(nil))
refused = problem('an unknown step', 422) { installers.report_label_status(build.token, 'no_such_step', 'done') }
Checks.equal('an unknown step: code', 'unknown_step', refused&.code)
Checks.equal('an unknown step: the signal', ['rejected_reports'], hosts.get_host_progress(name).signals.map(&:kind))

# A step of the site's own.
registry = MilepostClient::RegistryApi.new(manage)
label = "clients_rb_#{unique}"
step = registry.put_step(label, MilepostClient::StepInput.new(name: 'Join the domain', priority: 470, weight_seconds: 30))
Checks.equal('PUT of a step', [label, 'Join the domain', 470, 'site', nil],
             [step.label, step.name, step.priority, step.owner, step.description])
Checks.equal('the step is listed', [label], registry.list_steps(search: "label = #{label}").results.map(&:label))
Checks.equal('DELETE of the step', label, registry.delete_step(label).label)
problem('DELETE of a step that is gone', 404) { registry.delete_step(label) }

# The installer is done, the machine boots its own system.
report('POST built', 201, post(build.report_urls.built))
installed = hosts.get_host_progress(name)
Checks.equal('after built: state', ['installed', Time], [installed.state, installed.build.installed_at.class])
Checks.that('after built: percent', installed.percent < 100, "expected less than 100, got #{installed.percent}")
recorded = installers.report_label_status(build.token, 'first_boot', 'done')
Checks.equal('first_boot with the generated operation', 'recorded', recorded.result)
done, _, headers = hosts.get_host_progress_with_http_info(name)
Checks.equal('after first_boot', ['completed', 100, Time], [done.state, done.percent, done.build.ended_at.class])
begin
  hosts.get_host_progress(name, if_none_match: headers['ETag'])
  Checks.that('nothing has changed', false, 'expected 304, got 200')
rescue MilepostClient::ApiError => e
  Checks.equal('nothing has changed: status', 304, e.code)
end

# A change of a build, with an enum in the request.
other = mine.create_build(
  MilepostClient::BuildInput.new(host: MilepostClient::HostInput.new(name: "other-#{name}"), workflow: 'preseed')
)
patch = MilepostClient::BuildPatch.new(state: MilepostClient::RecordableState::CANCELED)
Checks.equal('PATCH of a build', 'canceled', mine.update_build(other.id, patch).state)
counted = MilepostClient::ServiceApi.new(read).get_status.builds.sum(&:count)
Checks.that('the service: builds', counted >= 3, "expected 3 or more to be counted, got #{counted}")

Checks.finish
