"use strict";
const at=id=>document.getElementById(id);
const make=(tag,text,kind)=>{const e=document.createElement(tag);if(text!==undefined)e.textContent=text;if(kind)e.className=kind;return e};
const number=(x,d=0)=>x==null?"–":x.toLocaleString("en",{maximumFractionDigits:d});
const percent=x=>x==null?"–":(100*x).toFixed(1)+" %";
const lasts=s=>{const d=Math.floor(s/86400),h=Math.floor(s/3600)%24,m=Math.floor(s/60)%60;
  return d?d+" d "+h+" h":h?h+" h "+m+" min":m?m+" min "+Math.floor(s%60)+" s":Math.floor(s)+" s"};
const text=(x,kind)=>{const e=make("td",x,"text "+(kind||""));e.title=x;return e};
// Tables that are wider than the screen are scrolled by themselves, with the keyboard too.
function table(name,head,rows,none){const t=make("table"),h=t.createTHead().insertRow();t.append(make("caption",name));
  head.forEach(([x,unit,left])=>{const e=make("th",x+(unit?" ("+unit+")":""),left?"text":"");e.scope="col";h.append(e)});const b=t.createTBody();
  rows.forEach(([first,...r])=>{const row=b.insertRow(),e=make("th",first);e.scope="row";e.title=first;
    row.append(e,...r.map(c=>c instanceof Node?c:make("td",c)))});
  if(!rows.length){const c=b.insertRow().insertCell();c.colSpan=head.length;c.className="text dim";c.textContent=none}
  const w=make("div",undefined,"wide");w.tabIndex=0;w.role="region";w.ariaLabel=name;w.append(t);return w}
// What is shown anew keeps where it was scrolled to, and what has the focus.
function put(id,parts){const to=at(id),of=()=>[...to.querySelectorAll(".wide")],before=of(),left=before.map(e=>e.scrollLeft),
  focus=before.indexOf(document.activeElement);to.replaceChildren(...parts);
  of().forEach((e,i)=>{e.scrollLeft=left[i]||0;if(i===focus)e.focus({preventScroll:true})})}
function draw(points){const s=at("history");s.replaceChildren();const top=Math.max(1,...points.map(p=>Math.max(p.requests,p.refused)));
  at("scale").textContent=points.length?"The top is "+number(top,1)+" per second.":"Nothing yet.";
  const line=(of,kind)=>{const l=document.createElementNS("http://www.w3.org/2000/svg","polyline");
    l.setAttribute("points",points.map((p,i)=>(120-points.length+i+.5)+","+(39-38*of(p)/top)).join(" "));l.setAttribute("class",kind);
    l.setAttribute("fill","none");l.setAttribute("stroke-width","1.5");l.setAttribute("vector-effect","non-scaling-stroke");s.append(l)};
  line(p=>p.requests,"requests");line(p=>p.refused,"refused")}
const servers=p=>table("Servers of the pool "+p.name,[["server"],["state","",1],["active"],["limit"],["waiting"],["work","s"],["slowness"],["contexts"],["requests"],
    ["5xx"],["hits"],["first byte","ms"],["queue, by itself"],["CPU"],["report’s age","s"]],
  p.servers.map(v=>{const r=v.report||{};return [v.name,text(v.state,v.state==="up"?"":"bad"),number(v.active),v.limit>4e9?"–":number(v.limit),
    number(v.waiting),number(v.work_s,3),number(v.slowness,2),number(v.contexts),number(v.requests),make("td",number(v.errors),v.errors?"bad":""),
    percent(v.hit_rate),number(v.first_ms,1),number(r.queue),percent(r.cpu),
    make("td",v.report?number(r.age_ms/1000,1):"–",v.report&&r.weight<1?"bad":"")]}),"There is no server; add one.");
const classes=p=>table("Classes of the pool "+p.name,[["class"],["requests"],["turned away"],["why","",1]],
  p.classes.map(c=>{const n=c.refused.reduce((sum,x)=>sum+x[1],0);return [c.name,number(c.requests),make("td",number(n),n?"bad":""),
    text(c.refused.map(x=>x[0]+" "+number(x[1])).join(", "))]}),"No request has come yet.");
function pool(p){const [high,medium,low]=p.waiting,[asked,won]=p.hedges,heard=p.reports.filter(x=>x[1]).map(x=>x[0]+" "+number(x[1])).join(", ");
  return [make("h2","Pool "+p.name),make("p","Policy "+p.policy+"; "+number(p.table)+" bindings; waiting: "+number(high)+" high, "+number(medium)
    +" medium, "+number(low)+" low"+(asked?"; hedged: "+number(asked)+", won by the second server: "+number(won):"")+(heard?"; reports: "+heard:""),"dim"),servers(p),classes(p)]}
function contexts(s){const held=new Map();s.pools.forEach(p=>p.bindings.forEach(([c,names])=>held.set(c,(held.get(c)||[])
    .concat(names.map(n=>s.pools.length>1?p.name+": "+n:n)))));
  return [make("h2","Bind table"),table("The contexts asked for most, and the servers that have them cached",[["context"],["requests"],["bound to","",1]],
    s.contexts.map(([c,n])=>[c,number(n),text((held.get(c)||[]).join(", ")||"–")]),"No request has come yet.")]}
function show(s){const now=s.history[s.history.length-1]||{requests:0,refused:0};
  const tokens=s.tokens_refused.filter(x=>x[1]).map(x=>x[0]+" "+number(x[1])).join(", ");
  alarm(s.drains?"This gate ends.":"");document.title="The gate: "+number(now.requests)+"/s";
  at("top").textContent="Now: "+number(now.requests,1)+" requests/s, "+number(now.refused,1)+" turned away/s, hits "+percent(now.hit_rate)+", "
    +number(s.connections)+" connections open. Version "+s.version+", up "+lasts(s.uptime_s)+".";
  at("all").textContent="In all: "+number(s.requests)+" requests, "+number(s.refused)+" turned away, "+number(s.cut)+" cut short, "+number(s.malformed)
    +" malformed, tokens not believed: "+(tokens||"0")+", lines of the log lost: "+number(s.log_lines_lost)+".";
  draw(s.history);put("pools",s.pools.flatMap(pool));put("contexts",contexts(s));at("live").className=""}
// Said again only when it changes: screens are read aloud, too.
const alarm=m=>{if(at("alarm").textContent!==m)at("alarm").textContent=m};
let seen=0;
async function look(){try{const r=await fetch("state",{cache:"no-store",signal:AbortSignal.timeout(5000)});
    if(!r.ok)throw new Error(r.status===401||r.status===403?"it wants the secret word; load the page anew":"status "+r.status);show(await r.json());seen=Date.now()}
  catch(e){const m=e instanceof TypeError?"nobody is there":e.name==="TimeoutError"?"no answer in time":e.message;document.title="The gate: gone";
    alarm("The gate does not answer ("+m+"); trying again.");
    at("top").textContent=seen?"What is below is "+lasts((Date.now()-seen)/1000)+" old.":"";at("live").className="old"}
  setTimeout(look,document.hidden?5000:1000)}
look();
